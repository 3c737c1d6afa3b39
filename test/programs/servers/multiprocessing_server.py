# Pool, manager, locks, queue and shared memory of multiprocessing; answers "N 2N WORD".
import multiprocessing, multiprocessing.shared_memory, signal, socket, sys, threading


def square(n):
    return n * n


def add(value):
    with value.get_lock():
        value.value += 1


def main():
    # a shell that starts it in the background has it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)
    multiprocessing.set_start_method(sys.argv[2])
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=100000)
    try:
        run(memory)
    finally:
        memory.unlink()


def run(memory):
    memory.buf[:5] = b'there'
    with multiprocessing.Manager() as manager, multiprocessing.Pool(2) as pool:
        counts = manager.dict(requests=0)
        value = multiprocessing.Value('i', 0)
        queue = multiprocessing.Queue()
        queue.put('queued')

        def serve(connection):
            lines = connection.makefile('rwb', 0)
            for _ in lines:
                assert pool.map(square, range(20)) == [n * n for n in range(20)]
                assert bytes(memory.buf[:5]) == b'there'
                counts['requests'] += 1
                add(value)
                child = multiprocessing.Process(target=add, args=(value,))
                child.start()
                child.join()
                word = queue.get(timeout=10)
                queue.put(word)
                lines.write(b'%d %d %s\n' % (counts['requests'], value.value, word.encode()))

        server = socket.create_server(('127.0.0.1', int(sys.argv[1])))
        while True:
            threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


if __name__ == '__main__':
    main()
