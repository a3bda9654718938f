# What signs user tokens.
openssl rand -base64 48 | npx wrangler secret put TOKEN_SECRET
# A key for your backend. It is shown this once; the deployment holds its hash.
KEY=rk_$(openssl rand -hex 32) && echo "$KEY"
printf %s "$KEY" | openssl dgst -sha256 -r | sed 's/ .*//; s/^/send:/' | npx wrangler secret put API_KEY_BACKEND
