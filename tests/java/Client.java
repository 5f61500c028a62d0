import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/**
 * The stock Java client, run by a test.
 *
 * <p>The argument is a JSON object: url, token, transports (absent: the client's own choice), timestampRequests.
 *
 * <p>A line on stdin is a JSON array, an event to emit with an ack callback. What happens is a line on stdout, {"what",
 * "name", "data"}:
 *
 * <pre>
 *   connect        how often by now          event   its name, its payload
 *   connect_error  the message               answer  the event's name, what the server answered
 *   disconnect     the reason
 * </pre>
 *
 * The end of stdin is the end of the client, without a word to the server.
 */
public final class Client {
  private static final String[] EVENTS = {"connected", "notification", "newNotification", "catch_up_complete"};
  private static int connects = 0;

  public static void main(String[] arguments) throws Exception {
    JSONObject given = new JSONObject(arguments[0]);
    IO.Options options = new IO.Options();
    options.forceNew = true;
    options.reconnectionDelay = 100;
    options.timestampRequests = given.optBoolean("timestampRequests");
    options.auth = Map.of("token", given.getString("token"));
    JSONArray transports = given.optJSONArray("transports");
    if (transports != null) {
      options.transports = new String[transports.length()];
      for (int n = 0; n < transports.length(); n++) {
        options.transports[n] = transports.getString(n);
      }
    }
    Socket socket = IO.socket(URI.create(given.getString("url") + "/notifications"), options);
    socket.on(Socket.EVENT_CONNECT, nothing -> print("connect", null, ++connects));
    socket.on(Socket.EVENT_CONNECT_ERROR, error -> print("connect_error", String.valueOf(error[0]), null));
    socket.on(Socket.EVENT_DISCONNECT, reason -> print("disconnect", String.valueOf(reason[0]), null));
    for (String name : EVENTS) {
      socket.on(name, payloads -> print("event", name, payloads[0]));
    }
    socket.connect();

    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      JSONArray event = new JSONArray(line);
      String name = event.getString(0);
      Object[] payloads = event.length() > 1 ? new Object[] {event.get(1)} : new Object[0];
      Ack ack = answers -> print("answer", name, answers[0]);
      socket.emit(name, payloads, ack);
    }
    Runtime.getRuntime().halt(0);
  }

  private static synchronized void print(String what, String name, Object data) {
    try {
      System.out.println(new JSONObject().put("what", what).put("name", name).put("data", data));
    } catch (JSONException error) {
      throw new IllegalStateException(error);
    }
  }
}
