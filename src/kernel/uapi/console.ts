// linux/kd.h: what a virtual console shows, and how its keys are read.
export const KDGETMODE = 0x4b3b;
export const KDGKBMODE = 0x4b44;
export const K_XLATE = 1;
export const K_UNICODE = 3;

// linux/vt.h: who switches consoles. struct vt_mode begins with the mode, a byte.
export const VT_GETMODE = 0x5601;
export const VT_MODE_BYTES = 8;
export const VT_AUTO = 0;
