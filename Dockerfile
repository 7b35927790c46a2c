# One image for every process of the portal; compose.yaml says which one a container runs.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    PERIHELION_ENV=production PERIHELION_DATA=/data STATIC_ROOT=/app/static-files
WORKDIR /app

COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock

COPY manage.py ./
COPY comet ./comet
COPY portal ./portal
COPY templates ./templates
COPY static ./static

# Static files are gathered once, here. The keys of this one command are thrown away with it.
RUN SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(50))") \
    ENCRYPTION_KEYS=$(python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())") \
    ALLOWED_HOSTS=localhost \
    python manage.py collectstatic --noinput --verbosity 0 \
    && useradd --system --uid 10001 perihelion \
    && install -d -o perihelion /data
USER perihelion
VOLUME /data
EXPOSE 8000

CMD ["python", "-m", "uvicorn", "portal.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--loop", "uvloop", "--http", "httptools", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "--ws-max-size", "4096", "--ws-ping-interval", "45", "--ws-ping-timeout", "20", "--no-proxy-headers", "--no-access-log", "--timeout-graceful-shutdown", "10"]
