import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A client of CapSolver: java Captcha WAY [half-wait]. It waits in the way that is named. */
public class Captcha {
    static final HttpClient CLIENT = HttpClient.newHttpClient();
    static final String KEY = System.getenv("POLLPROOF_API_KEY");

    static String send(String method, String body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(System.getenv("POLLPROOF_BASE_URL") + "/" + method))
                .timeout(Duration.ofSeconds(30)).header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"clientKey\": \"" + KEY + "\", " + body + "}")).build();
        return CLIENT.send(request, HttpResponse.BodyHandlers.ofString()).body();
    }

    static String valueOf(String answer, String key) {
        Matcher found = Pattern.compile("\"" + key + "\":\\s*(\"[^\"]*\"|\\{.*?\\}|[^,}]*)").matcher(answer);
        return found.find() ? found.group(1) : "";
    }

    static void await(String way, long milliseconds) throws Exception {
        if (way.equals("sleep")) {
            Thread.sleep(milliseconds);
        } else if (way.equals("monitor")) {
            Object monitor = new Object();
            synchronized (monitor) {
                monitor.wait(milliseconds);
            }
        } else if (way.equals("park")) {
            long end = System.nanoTime() + milliseconds * 1_000_000;
            for (long left; (left = end - System.nanoTime()) > 0;) LockSupport.parkNanos(left);
        } else {
            ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor();
            executor.schedule(() -> {}, milliseconds, TimeUnit.MILLISECONDS).get();
            executor.shutdown();
        }
    }

    public static void main(String[] words) throws Exception {
        String answer = send("createTask", "\"task\": " + System.getenv("POLLPROOF_TASK"));
        String task = valueOf(answer, "taskId");
        for (int poll = 0; poll < 90; poll++) {
            if (!valueOf(answer, "errorId").matches("0?") || valueOf(answer, "status").equals("\"failed\"")) System.exit(1);
            if (valueOf(answer, "status").equals("\"ready\"")) {
                System.out.println(answer);
                System.exit(0);
            }
            await(words[0], words.length > 1 ? 1500 : 3010);
            answer = send("getTaskResult", "\"taskId\": " + task);
        }
        System.exit(1);
    }
}
