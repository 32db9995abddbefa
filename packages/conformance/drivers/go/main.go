// The Go driver of the conformance suite: JSON lines on standard input and output (test-vectors/README.md, section 4).
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"

	"sealwire/driver/internal/fault"
	"sealwire/driver/internal/value"
)

type operation func(in input) (value.Object, error)

var operations = map[string]operation{
	"frame.decode":       frameDecode,
	"frame.encode":       frameEncode,
	"frame.expand":       frameExpand,
	"jose.verify":        joseVerify,
	"jose.decrypt":       joseDecrypt,
	"key.check":          keyCheck,
	"claims.read":        claimsRead,
	"claims.write":       claimsWrite,
	"message.open":       messageOpen,
	"message.seal":       messageSeal,
	"message.accumulate": messageAccumulate,
	"evidence.verify":    evidenceVerify,
	"standalone.open":    standaloneOpen,
	"standalone.seal":    standaloneSeal,
	"replay.window":      replayWindow,
	"replay.key":         replayKey,
	"replay.store":       replayStore,
	"error.info":         errorInfo,
	"session.run":        sessionRun,
	"kdf.derive":         kdfDerive,
	"kdf.rekey":          kdfRekey,
	"kdf.resume":         kdfResume,
}

// libraries are those that verify, decrypt and decode.
var libraries = []string{"github.com/fxamacker/cbor/v2", "github.com/go-jose/go-jose/v4", "github.com/lestrrat-go/jwx/v3"}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	reader, writer := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	answer := func(o value.Object) error {
		writer.Write(append(value.WriteJSON(o), '\n'))
		return writer.Flush()
	}
	if err := answer(greeting()); err != nil {
		return err
	}
	for {
		line, err := reader.ReadBytes('\n')
		if len(line) > 0 {
			reply, fail := handle(line)
			if fail != nil {
				return fail
			}
			if fail = answer(reply); fail != nil {
				return fail
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func greeting() value.Object {
	names := []string{}
	for name := range operations {
		names = append(names, name)
	}
	slices.Sort(names)
	ops := []any{}
	for _, name := range names {
		ops = append(ops, name)
	}
	versions := value.Object{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if slices.Contains(libraries, dep.Path) {
				versions = append(versions, member(dep.Path, dep.Version))
			}
		}
	}
	return value.Object{
		member("driver", "go"), member("language", "Go "+runtime.Version()[2:]), member("libraries", versions),
		member("ops", ops), member("level", "L3"),
	}
}

func handle(line []byte) (value.Object, error) {
	v, err := value.ParseAny(line)
	if err != nil {
		return nil, fmt.Errorf("a request is no JSON: %w", err)
	}
	request, _ := v.(value.Object)
	n, _ := request.Get("n")
	name, _ := request.Text("op")
	op, ok := operations[name]
	if !ok {
		return value.Object{member("n", n), member("unsupported", true)}, nil
	}
	body, _ := request.Object("input")
	return value.Object{member("n", n), member("result", run(op, input{body}))}, nil
}

// run gives an operation its input; a defect of this driver fails the one vector that shows it.
func run(op operation, in input) (out value.Object) {
	defer func() {
		if r := recover(); r != nil {
			out = value.Object{member("ok", false), member("error", fmt.Sprintf("driver: %v", r))}
		}
	}()
	result, err := op(in)
	if err == nil {
		return append(value.Object{member("ok", true)}, result...)
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		return value.Object{member("ok", false), member("error", "driver: "+err.Error())}
	}
	refusal := value.Object{member("ok", false), member("error", f.Code), member("step", f.Step), member("fatal", f.Fatal())}
	return append(refusal, result...)
}

func member(name string, v any) value.Member {
	return value.Member{Name: name, Value: v}
}
