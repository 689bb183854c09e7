const u0=process.cpuUsage(); await import('@platformatic/kafka'); const u=process.cpuUsage(u0); console.log((u.user+u.system)/1000)
