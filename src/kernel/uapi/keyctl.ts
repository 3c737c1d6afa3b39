// linux/keyctl.h: operations of keyctl(2).
export const KEYCTL_GET_KEYRING_ID = 0;
export const KEYCTL_JOIN_SESSION_KEYRING = 1;
export const KEYCTL_REVOKE = 3;
export const KEYCTL_CHOWN = 4;
export const KEYCTL_DESCRIBE = 6;
export const KEYCTL_READ = 11;
export const KEYCTL_SET_REQKEY_KEYRING = 14;

/** Numbers that stand for keyrings of the caller. */
export const KEY_SPEC = { thread: -1, process: -2, session: -3, userSession: -5 } as const;
/** KEYCTL_SET_REQKEY_KEYRING: asks only. */
export const KEY_REQKEY_DEFL_NO_CHANGE = -1;
export const KEY_REQKEY_DEFL_DEFAULT = 0;
/** The last place that can be asked for: KEY_REQKEY_DEFL_REQUESTOR_KEYRING. */
export const KEY_REQKEY_DEFL_LAST = 7;

/** A serial number in a list. */
export const SERIAL_BYTES = 4;
/** Room for a description ("TYPE;UID;GID;PERMISSION;NAME") with a name that people give. */
export const DESCRIPTION_BYTES = 512;

/** What a keyring is called where it was given no name. */
export const ANONYMOUS = '_ses';
/** The session keyring that a user has where nothing gave him another one. */
export const isUserSession = (name: string): boolean => /^_uid_ses\.\d+$/.test(name);
