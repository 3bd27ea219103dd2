// The last part of the demo: a drill of the newest backup, and its report.
import { must } from './davenport.mjs';

export async function showADrill({ dataDir, settings, tell, expectThat, timed }) {
  const [{ stdout }, time] = await timed(() => must(['drill', 'latest', '--data', dataDir], { settings }));
  expectThat(stdout.startsWith('recoverable\n'), stdout);
  tell(`A drill restored the newest backup into scratch databases and compared everything, in ${time}. Its report:`);
  for (const line of stdout.trimEnd().split('\n')) console.log(`      ${line}`);
}
