import assert from "node:assert/strict";
import { test } from "node:test";
import { maskSecrets } from "../../../core/bug-report/mask.js";

const masked: [what: string, text: string, becomes: string][] = [
  ["a URL's", "root=https://me:s3cr3t@host/x?y=1", "root=https://me:masked1@host/x?y=1"],
  ["an option's", "a=b cifs.password=hunter22,ro", "a=b cifs.password=masked1,ro"],
  ["in quotes", 'x.passwd="two words" b', 'x.passwd="masked1" b'],
  ["in quotes, in JSON", '{"data":"x.passwd=\\"two words\\" b"}', '{"data":"x.passwd=\\"masked1\\" b"}'],
  ["in capitals", '["WIFI_PASSWORD=abcd1234"]', '["WIFI_PASSWORD=masked1"]'],
  ["a query's", "http://host/?token=abcd1234&x=1", "http://host/?token=masked1&x=1"],
  ["a member's", '{"password":"a\\"bcd"}', '{"password":"masked1"}'],
  ["an argument's", '["curl","-u","me:s3cr3t","--api-key","k1k2"]', '["curl","-u","me:masked2","--api-key","masked1"]'],
  ["a hash", "emergency_password_hash='$6$salt$abc./def'", "emergency_password_hash='masked1'"],
  ["a hash by itself", 'root:$y$j9T$abc$def:1 "', 'root:masked1:1 "'],
  ["a key", "nvme.tls_key=NVMeTLSkey-1:01:abc rd.x", "nvme.tls_key=masked1 rd.x"],
  [
    "of several, the same is the same",
    "a.token=abcd b.token=abcd c.token=efgh",
    "a.token=masked1 b.token=masked1 c.token=masked2",
  ],
];
for (const [what, text, becomes] of masked)
  test(`masked: ${what}`, () => assert.deepEqual(maskSecrets([text]).texts, [becomes]));

test("not masked: what is no secret", () => {
  const texts = [
    "rd.luks.key=/keyfile:LABEL=keys root=UUID=0036 ro",
    '{"KEY":"402000000 3803078f800d001","secret":3} {"stdin":{"secret":1}}',
    "https://host:8080/path keymap=de",
  ];
  assert.deepEqual(maskSecrets(texts), { texts, count: 0 });
});

test("a secret is masked in all texts, also where no name stands, in other writing, and not within words", () => {
  const texts = ["https://me:p%40ss%22word@host", 'sent "p@ss\\"word"', 'p@ss"word and xp@ss"wordy', "p%40ss%22word"];
  assert.deepEqual(maskSecrets(texts), {
    texts: ["https://me:masked1@host", 'sent "masked1"', 'masked1 and xp@ss"wordy', "masked1"],
    count: 1,
  });
});

test("long texts take no longer than they are", () => {
  const long = "a".repeat(1 << 20);
  assert.deepEqual(maskSecrets([`${long} ${long}=x token=abcd`]).texts, [`${long} ${long}=x token=masked1`]);
});
