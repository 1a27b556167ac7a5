// A certified OpenID Provider (npm `oidc-provider`) that judges our sign-in: `provider.mjs PORT REDIRECT_URI`.
//
// Whoever signs in is a member of the group that the login starts with: `staff-ada` is in `staff`. A lie can be
// ordered at `/lie?what=audience`, for which the ID token is signed anew with the provider's own key: what a
// provider that is compromised or confused would send. Must never be used for anything but checks.

import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, importJWK, SignJWT, decodeJwt, decodeProtectedHeader } from 'jose';
import Provider from 'oidc-provider';

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const jwk = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'check' };
const stranger = (await generateKeyPair('ES256', { extractable: true })).privateKey;
let lie = '';

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'cocarde',
    client_secret: 'a secret with & and : in it',
    redirect_uris: [redirect],
    grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: 'ES256',
  }],
  jwks: { keys: [jwk] },
  cookies: { keys: ['a key of this check'] },
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: async (ctx, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id, name: `Name of ${id}`, groups: [id.split('-')[0]],
      email: `${id}@example.org`, email_verified: true,
    }),
  }),
});

// Signs the token anew with what is false in it.
async function falsify(token) {
  const claims = decodeJwt(token);
  if (lie === 'audience') claims.aud = 'somebody-else';
  if (lie === 'issuer') claims.iss = 'http://127.0.0.1:1';
  if (lie === 'nonce') claims.nonce = 'another';
  if (lie === 'expired') claims.exp = Math.floor(Date.now() / 1000) - 60;
  const key = lie === 'key' ? stranger : await importJWK(jwk, 'ES256');
  return new SignJWT(claims).setProtectedHeader(decodeProtectedHeader(token)).sign(key);
}

provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === '/token' && lie && ctx.body?.id_token) {
    ctx.body = { ...ctx.body, id_token: await falsify(ctx.body.id_token) };
  }
});

const handle = provider.callback();
createServer((request, response) => {
  const url = new URL(request.url, issuer);
  if (url.pathname === '/lie') {
    lie = url.searchParams.get('what') ?? '';
    response.end('told');
    return;
  }
  handle(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
