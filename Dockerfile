FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 DATA_DIR=/data
WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-deps -r requirements.lock

COPY . ./
RUN useradd --system --home-dir /data footfall && mkdir /data && chown footfall /data
USER footfall
VOLUME /data
EXPOSE 8000

# A stop writes accepted events to the event store first: give it time (docker stop --time 30).
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/api/health', timeout=5)"]
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0"]
