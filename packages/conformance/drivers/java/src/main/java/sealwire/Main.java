package sealwire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The driver: one answer in JSON for each line of standard input. See test-vectors/README.md, section 4. */
final class Main {
    private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(Integer.MAX_VALUE).maxNameLength(Integer.MAX_VALUE).build())
            .build());

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        write(out, hello());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<?, ?> request = (Map<?, ?>) numbers(MAPPER.readValue(line, Map.class));
            write(out, answer(request));
        }
    }

    private static Map<String, Object> hello() {
        Map<String, Object> libraries = new LinkedHashMap<>();
        libraries.put("nimbus-jose-jwt", version("nimbus-jose-jwt"));
        libraries.put("tink", version("tink"));
        libraries.put("jackson-core", version("jackson-core"));
        libraries.put("cbor", version("cbor"));
        Map<String, Object> hello = new LinkedHashMap<>();
        hello.put("driver", "java");
        hello.put("language", "Java " + System.getProperty("java.version"));
        hello.put("libraries", libraries);
        hello.put("ops", List.copyOf(Operations.NAMES));
        hello.put("level", "L1");
        return hello;
    }

    /** The version in the name of the library's file on the class path. */
    private static String version(String library) {
        for (String file : System.getProperty("java.class.path").split(java.io.File.pathSeparator)) {
            String name = new java.io.File(file).getName();
            if (name.matches(library + "-[0-9].*\\.jar")) {
                return name.substring(library.length() + 1, name.length() - ".jar".length());
            }
        }
        return "unknown";
    }

    private static Map<String, Object> answer(Map<?, ?> request) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("n", request.get("n"));
        String op = (String) request.get("op");
        if (!Operations.NAMES.contains(op)) {
            answer.put("unsupported", true);
            return answer;
        }
        Map<String, Object> members = new LinkedHashMap<>();
        ((Map<?, ?>) request.get("input")).forEach((name, value) -> members.put((String) name, value));
        answer.put("result", Operations.run(op, new Input(members)));
        return answer;
    }

    private static void write(PrintStream out, Map<String, Object> line) {
        out.print(Json.write(bytes(line)) + "\n");
        out.flush();
    }

    /** Numbers of the input as those of claims. */
    private static Object numbers(Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> members = new LinkedHashMap<>();
            map.forEach((name, member) -> members.put((String) name, numbers(member)));
            return members;
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Main::numbers).collect(Collectors.toList());
        }
        return value instanceof Number number ? new Num(number.doubleValue(), isInteger(number)) : value;
    }

    private static boolean isInteger(Number number) {
        return (number instanceof Integer || number instanceof Long) && number.longValue() >= 0 && number.longValue() <= Num.MAX_SAFE;
    }

    /** Bytes of a result as {"$bytes"}. */
    private static Object bytes(Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> members = new LinkedHashMap<>();
            map.forEach((name, member) -> members.put((String) name, bytes(member)));
            return members;
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Main::bytes).collect(Collectors.toList());
        }
        return value instanceof byte[] bytes ? Map.of("$bytes", Bytes.hex(bytes)) : value;
    }
}
