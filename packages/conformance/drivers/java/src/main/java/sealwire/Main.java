package sealwire;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The driver: one answer in JSON for each line of standard input. See test-vectors/README.md, section 4. */
final class Main {
    private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNameLength(Integer.MAX_VALUE)
                    .build())
            .build());

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        write(out, hello());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Object request = Tree.replace(MAPPER.readValue(line, Map.class), Main::number);
            write(out, answer(Tree.members(request)));
        }
    }

    private static Map<String, Object> hello() throws IOException {
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

    /** The version in the file name of a library, as the manifest of this program has it. */
    private static String version(String library) throws IOException {
        try (InputStream in = Main.class.getResourceAsStream("/META-INF/MANIFEST.MF")) {
            String files = new Manifest(in).getMainAttributes().getValue(Attributes.Name.CLASS_PATH);
            Matcher name =
                    Pattern.compile("/" + library + "-([0-9][^ ]*)\\.jar").matcher(files);
            return name.find() ? name.group(1) : "unknown";
        }
    }

    private static Map<String, Object> answer(Map<String, Object> request) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("n", request.get("n"));
        String op = (String) request.get("op");
        if (!Operations.NAMES.contains(op)) {
            answer.put("unsupported", true);
            return answer;
        }
        answer.put("result", Operations.run(op, new Input(request).in("input")));
        return answer;
    }

    private static void write(PrintStream out, Map<String, Object> line) {
        out.print(Json.write(Tree.replace(line, Main::bytes)) + "\n");
        out.flush();
    }

    /** Numbers of the input as those of claims. */
    private static Object number(Object value) {
        return value instanceof Number number ? new Num(number.doubleValue(), isInteger(number)) : value;
    }

    private static boolean isInteger(Number number) {
        long value = number.longValue();
        return (number instanceof Integer || number instanceof Long) && value >= 0 && value <= Num.MAX_SAFE;
    }

    /** Bytes of a result as {"$bytes"}. */
    private static Object bytes(Object value) {
        return value instanceof byte[] bytes ? Map.of("$bytes", Bytes.hex(bytes)) : value;
    }
}
