// With DAVENPORT_TEST_ENCRYPTION set, services of the tests encrypt their vaults under this key.
export const masterKey = Buffer.from('a master key of 32 bytes, tests !'.slice(0, 32)).toString('base64');

export const chosenEncryption = process.env.DAVENPORT_TEST_ENCRYPTION ? { DAVENPORT_ENCRYPTION_KEY: masterKey } : {};
