# pollproof as an image: small, without root rights, with the virtual clock compiled in.
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN python -m venv /opt/pollproof && /opt/pollproof/bin/pip install --no-cache-dir /source

FROM python:3.12-slim
COPY --from=build /opt/pollproof /opt/pollproof
RUN useradd --create-home --uid 10001 pollproof
USER pollproof
WORKDIR /home/pollproof
ENV PATH=/opt/pollproof/bin:$PATH
ENTRYPOINT ["pollproof"]
CMD ["--help"]
