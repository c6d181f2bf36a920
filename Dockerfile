# The page in a container: docker build -t zsseg . && docker run --rm -p 7860:7860 zsseg
FROM python:3.11-slim

# Options for pip install. A CPU build of torch is much smaller than the default one: --build-arg PIP_FLAGS="--extra-index-url …"
ARG PIP_FLAGS=

RUN useradd --create-home --uid 1000 zsseg
WORKDIR /home/zsseg/app

# The packages come before the code, so that a change of the code does not install them again.
COPY requirements.txt ./
RUN pip install --no-cache-dir $PIP_FLAGS -r requirements.txt

COPY app.py ./
COPY zsseg zsseg
COPY checkpoints checkpoints
COPY assets/examples assets/examples
# Here the page puts what ZSSEG_BACKBONE names.
RUN chown zsseg checkpoints

USER zsseg
ENV GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860 \
    PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
CMD ["python", "app.py"]
