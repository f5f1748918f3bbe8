/** The link of the gateway protocol: authenticated messages in and out of interfaces. */
export { openGatewayLink, type GatewayLinkOptions, type OpenGatewayLink } from './gateway-link.js';
export type * from './types.js';
