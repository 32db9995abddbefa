// Before each test file: whoever bounds a random list or text gets ones that long. fast-check's own default stops at ten.
import fc from "fast-check";

fc.configureGlobal({ defaultSizeToMaxWhenMaxSpecified: true });
