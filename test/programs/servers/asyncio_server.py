# A server on one event loop: executors, children, timers, signals; answers "K 2K N LINE".
import asyncio, concurrent.futures, signal, sys, time


async def main():
    loop = asyncio.get_running_loop()
    pool = concurrent.futures.ThreadPoolExecutor(3)
    counts = {'requests': 0, 'ticks': 0}

    def twice(n):
        time.sleep(0.01)
        return n * 2

    async def serve(reader, writer):
        n = 0
        while line := await reader.readline():
            n += 1
            counts['requests'] += 1
            doubled = await loop.run_in_executor(pool, twice, n)
            cat = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
            echo, _ = await cat.communicate(line)
            writer.write(b'%d %d %d ' % (n, doubled, counts['requests']) + echo)
            await writer.drain()

    async def tick():
        while True:
            await asyncio.sleep(0.01)
            counts['ticks'] += 1

    ticking = asyncio.create_task(tick())
    loop.add_signal_handler(signal.SIGUSR1, lambda: print('ticks', counts['ticks'], flush=True))
    child = await asyncio.create_subprocess_exec('sleep', '10000')
    await asyncio.start_server(serve, '127.0.0.1', int(sys.argv[1]))
    await child.wait()


asyncio.run(main())
