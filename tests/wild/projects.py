"""The projects of the lane: what is installed, how it is started, by which contract it is judged, what is found."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Finding:
    """A clause that a version violates: what the project does instead, and its public issue where there is one.

    `sometimes` says that it shows by chance, as a race does, and may be held in a run.
    """

    clause: str
    says: str
    issue: str = ""
    sometimes: bool = False


@dataclass(frozen=True, slots=True)
class Server:
    """A server: `requirements` are installed from the registry, `folder` has its `serve.sh BIN PORT`.

    `prefix` is the path below which it serves the API. `needs` are programs that must be there. `seconds` is how long
    a run may take. `node` says that the requirements are packages of npm; BIN is then the folder that has them.
    """

    name: str
    requirements: tuple[str, ...]
    folder: str
    contract: str
    findings: tuple[Finding, ...] = ()
    prefix: str = ""
    needs: tuple[str, ...] = ()
    seconds: float = 300.0
    node: bool = False

    @property
    def home(self) -> str:
        """The name of its environment, which all servers of one package in one version share."""
        return re.sub(r"[^a-z0-9.]+", "-", (*self.requirements, self.folder)[0].lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Client:
    """A client library: `script` in `clients` has it do one task; `requirements` are from PyPI or npm."""

    name: str
    requirements: tuple[str, ...]
    script: str
    contract: str
    findings: tuple[Finding, ...] = ()
    seconds: float = 600.0

    @property
    def node(self) -> bool:
        """Whether it runs in Node."""
        return self.script.endswith(".mjs")


SERVERS = (
    Server(
        name="pygeoapi 0.21.0",
        requirements=("pygeoapi==0.21.0",),
        folder="pygeoapi",
        contract="ogc-processes",
        findings=(
            Finding(
                "ogc-processes.execute.created",
                "an asynchronous execution is answered with null instead of statusInfo",
                "geopython/pygeoapi#2105",
            ),
            Finding("ogc-processes.status.shape", "finished is null while a job is in work; the schema has a string"),
            Finding(
                "ogc-processes.status.unknown",
                "an unknown job has the exception type InvalidParameterValue instead of no-such-job",
                "geopython/pygeoapi#1279",
            ),
            Finding("ogc-processes.results.unknown", "the exception type is NoSuchJob instead of the standard's URI"),
            Finding("ogc-processes.results.not-ready", "the exception type is ResultNotReady instead of the URI"),
            Finding("ogc-processes.execute.malformed", "a body that is the array [] is answered with HTTP 500"),
        ),
    ),
    Server(
        name="celery 5.7.0 with flower 2.2.0",
        requirements=("celery==5.7.0", "flower==2.2.0", "redis==8.1.0", "packaging"),
        folder="flower",
        contract="flower",
        prefix="/api",
        needs=("redis-server",),
        findings=(
            Finding("flower.result.unknown", "an id that nobody was given is answered PENDING", "celery/celery#4450"),
        ),
    ),
    Server(
        name="pywps 4.8.1",
        requirements=("pywps==4.8.1", "flask==3.1.3"),
        folder="pywps",
        contract="wps",
        findings=(
            Finding("wps.status.document", "ProcessAccepted has percentCompleted; the schema has a text without it"),
            Finding("wps.execute.instance", "& is escaped twice in serviceInstance"),
        ),
    ),
    Server(name="scrapyd 1.6.0", requirements=("scrapyd==1.6.0",), folder="scrapyd", contract="scrapyd"),
    Server(
        name="moto 5.2.5, Athena",
        requirements=("moto[server]==5.2.5",),
        folder="moto",
        contract="athena",
        findings=(
            Finding("athena.start.idempotent", "ClientRequestToken is ignored: a repeated request is a second query"),
            Finding("athena.start.missing-field", "a request without QueryString is answered with HTTP 500"),
            Finding("athena.get.completion", "a query that waits or runs has the time of its completion"),
            Finding("athena.get.unknown", "an unknown id is answered with HTTP 500, not InvalidRequestException"),
            Finding("athena.results.unknown", "the results of an unknown id are an empty result set"),
        ),
    ),
    Server(
        name="moto 5.2.5, Transcribe",
        requirements=("moto[server]==5.2.5",),
        folder="moto",
        contract="transcribe",
        findings=(Finding("transcribe.start.missing-field", "a job without a name is started, and has none"),),
    ),
    Server(
        name="moto 5.2.5, Step Functions",
        requirements=("moto[server]==5.2.5",),
        folder="moto",
        contract="step-functions",
        findings=(
            Finding(
                "step-functions.stop.ok",
                "stopping is answered without stopDate, which another thread sets later",
                sometimes=True,
            ),
        ),
    ),
    Server(
        name="moto 5.2.5, Textract",
        requirements=("moto[server]==5.2.5",),
        folder="moto",
        contract="textract",
        findings=(
            Finding("textract.start.idempotent", "ClientRequestToken is ignored: a repeated request is a second job"),
            Finding("textract.get.document", "DocumentMetadata.Pages is an object with Pages in it, not a number"),
            Finding("textract.get.gone", "a job is there after the seven days for which its id is valid"),
        ),
    ),
    Server(
        name="LocalStack 4.8.1, Step Functions",
        requirements=(
            "localstack-core[runtime]==4.8.1",
            "cbor2==5.7.1",
            "pyopenssl==24.2.1",
            "cryptography==43.0.3",
            "service-identity",
        ),
        folder="localstack",
        contract="step-functions",
    ),
    Server(
        name="aria2 1.36.0",
        requirements=(),
        folder="aria2",
        contract="aria2",
        needs=("aria2c",),
        findings=(Finding("aria2.method", "a method that does not exist is error 1, not -32601"),),
    ),
    Server(
        name="A2A Python SDK 1.3.0",
        requirements=("a2a-sdk[http-server]==1.3.0", "uvicorn==0.54.0"),
        folder="a2a",
        contract="a2a",
    ),
)

TASKLESS = "a tool that has to be called as a task, and is not, is answered with a result that is an error"

SERVERS += (
    replace(SERVERS[0], name="pygeoapi 0.20.0", requirements=("pygeoapi==0.20.0",)),
    *(
        replace(
            SERVERS[0],
            name=f"pygeoapi {version}",
            requirements=(f"pygeoapi=={version}",),
            findings=tuple(each for each in SERVERS[0].findings if each.clause != "ogc-processes.status.shape"),
        )
        for version in ("0.19.0", "0.18.0", "0.17.0", "0.16.1")
    ),
    Server(
        name="MCP SDK for Python 1.30.0",
        requirements=("mcp==1.30.0", "uvicorn==0.54.0"),
        folder="mcp_python",
        contract="mcp-tasks",
        findings=(
            Finding("mcp-tasks.call.as-task", TASKLESS),
            Finding("mcp-tasks.get.shape", "ttl is left out where it is null"),
            Finding(
                "mcp-tasks.call.created",
                "side by side, some calls are answered 'TaskSupport not running': a request that ends stops all others",
                sometimes=True,
            ),
        ),
    ),
    Server(
        name="MCP SDK for TypeScript 1.32.2",
        requirements=("@modelcontextprotocol/sdk@1.32.2",),
        folder="mcp_node",
        contract="mcp-tasks",
        findings=(Finding("mcp-tasks.call.as-task", TASKLESS, "modelcontextprotocol/typescript-sdk#1510"),),
        node=True,
        needs=("node",),
    ),
)

ENDLESS = "a task that never ends is waited for without a bound"

CLIENTS = (
    Client(
        name="replicate 1.0.7",
        requirements=("replicate==1.0.7",),
        script="replicate_sdk.py",
        contract="replicate",
        findings=(
            Finding("replicate.client.failure.robustness", ENDLESS),
            Finding("replicate.client.solution.robustness", "a response that does not repeat the id is an error"),
        ),
    ),
    Client(
        name="openai 3.57.0",
        requirements=("openai==3.57.0",),
        script="openai_sdk.py",
        contract="openai-file-batches",
        findings=(Finding("openai-file-batches.client.failure.robustness", ENDLESS),),
    ),
    Client(
        name="azure-core 1.41.0",
        requirements=("azure-core==1.41.0",),
        script="azure_core_poller.py",
        contract="azure-lro",
        findings=(Finding("azure-lro.client.failure.robustness", ENDLESS),),
    ),
    Client(
        name="google-api-core 2.44.0",
        requirements=("google-api-core[grpc]==2.44.0",),
        script="google_operation.py",
        contract="google-operations",
    ),
    Client(
        name="google-cloud-speech 2.41.0",
        requirements=("google-cloud-speech==2.41.0", "requests==2.34.2"),
        script="google_speech.py",
        contract="google-speech",
        findings=(
            Finding(
                "google-speech.client.solution.robustness",
                "an operation with an unknown field cannot be read",
                "googleapis/gapic-generator-python#780",
            ),
        ),
    ),
    Client(
        name="@google-cloud/speech 8.1.0 for Node",
        requirements=("@google-cloud/speech@8.1.0",),
        script="google_speech.mjs",
        contract="google-speech",
        findings=(
            Finding(
                "google-speech.client.failure.robustness",
                "done without response and error is a success without a result; " + ENDLESS,
                "googleapis/gax-nodejs#140",
            ),
        ),
    ),
    Client(name="boto3 1.44.8", requirements=("boto3==1.44.8",), script="boto3_waiter.py", contract="transcribe"),
    Client(
        name="replicate 1.4.0 for Node",
        requirements=("replicate@1.4.0",),
        script="replicate.mjs",
        contract="replicate",
        findings=(Finding("replicate.client.failure.robustness", ENDLESS),),
    ),
    Client(
        name="openai 7.55.0 for Node",
        requirements=("openai@7.55.0",),
        script="openai.mjs",
        contract="openai-file-batches",
        findings=(
            Finding("openai-file-batches.client.failure.robustness", ENDLESS),
            Finding("openai-file-batches.client.no-hot-loop", "an unknown status is polled for without a pause"),
            Finding("openai-file-batches.client.retries", "a response that is no batch is polled for without a pause"),
        ),
    ),
    Client(
        name="@aws-sdk/client-transcribe 3.1141.0 for Node",
        requirements=("@aws-sdk/client-transcribe@3.1141.0",),
        script="aws_waiter.mjs",
        contract="transcribe",
    ),
    Client(
        name="@azure/core-lro 3.4.1 for Node",
        requirements=("@azure/core-lro@3.4.1",),
        script="azure_core_lro.mjs",
        contract="azure-lro",
        findings=(Finding("azure-lro.client.failure.robustness", ENDLESS),),
    ),
)
