import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** Threads, timers, a heap that is collected, a mapped file; answers "N N N true". */
public class Server {
  public static void main(String[] args) throws Exception {
    var count = new AtomicLong();
    var ticks = new AtomicLong();
    var kept = new ConcurrentHashMap<Long, byte[]>();
    Executors.newScheduledThreadPool(1).scheduleAtFixedRate(ticks::incrementAndGet, 10, 10, TimeUnit.MILLISECONDS);
    var options = new StandardOpenOption[] {StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE};
    var mapped = FileChannel.open(Path.of("mapped"), options).map(FileChannel.MapMode.READ_WRITE, 0, 4096);
    var server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 50);
    server.setExecutor(Executors.newFixedThreadPool(4));
    server.createContext("/", exchange -> {
      long n = count.incrementAndGet();
      kept.put(n, new byte[10000]);
      mapped.putLong(0, n);
      if (n % 20 == 0) System.gc();
      byte[] answer = (n + " " + kept.size() + " " + mapped.getLong(0) + " " + (ticks.get() > 0) + "\n").getBytes();
      exchange.sendResponseHeaders(200, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook " + count.get())));
    server.start();
  }
}
