// Claims in both codecs, read and written, and the keys that come with them.
import { batches, bin } from "./claims-batch.ts";
import { cborItem } from "./claims-cbor.ts";
import { control } from "./claims-control.ts";
import { jsonText } from "./claims-json.ts";
import { standalone } from "./claims-standalone.ts";
import { tables } from "./claims-table.ts";
import { writing } from "./claims-write.ts";
import { writingBatches } from "./claims-write-batch.ts";
import type { Generator } from "./file.ts";
import { agreement, signing } from "./points.ts";

export const generate: Generator = () => [
  ...tables(),
  ...batches(),
  bin(),
  jsonText(),
  cborItem(),
  control(),
  ...writing(),
  ...writingBatches(),
  ...standalone(),
  signing(),
  agreement(),
];
