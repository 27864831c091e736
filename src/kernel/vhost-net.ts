/** Device number of /dev/vhost-net: MISC_MAJOR, VHOST_NET_MINOR of include/linux/miscdevice.h. */
export const VHOST_NET = { major: 10, minor: 238 } as const;
