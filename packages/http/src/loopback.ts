/** Whether it names this machine alone. An IPv6 address may stand in brackets, as in a URL. */
export const isLoopback = (host: string): boolean => /^(localhost|::1|\[::1\]|(::ffff:)?127(\.\d{1,3}){3})$/i.test(host)
