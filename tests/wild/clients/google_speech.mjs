// @google-cloud/speech (google-gax) over HTTP/1.1 for Node, unchanged: a recording is recognized. usage: google_speech.mjs
import { createRequire } from "node:module";
const require = createRequire(process.env.WILD_NODE + "/");
const { SpeechClient } = require("@google-cloud/speech");
const { OAuth2Client } = createRequire(require.resolve("google-gax"))("google-auth-library");
const { hostname, port } = new URL(process.env.POLLPROOF_BASE_URL);
const authClient = new OAuth2Client();
authClient.setCredentials({ access_token: process.env.POLLPROOF_API_KEY });
const client = new SpeechClient({ fallback: true, protocol: "http", apiEndpoint: hostname, port: Number(port), authClient });
const [operation] = await client.longRunningRecognize(JSON.parse(process.env.POLLPROOF_TASK));
const [response] = await operation.promise();
console.log(JSON.stringify(response));
