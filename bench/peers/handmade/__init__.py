"""The shop's checkout as a competent team writes it by hand: FastAPI, httpx, SQLAlchemy, aiosqlite, nats-py.

The same as in the shop on Atoll:

- the gateway: the same Envoy with the same filters, routes and policy (token, CORS, limits, body bound, access log),
  compiled from the same contracts; only the addresses behind it differ;
- the hops of an order: gateway, order, inventory, order, payment, card network, payment, order, shipping, order;
  prices come from the order service's own copy in both;
- one process a service, uvicorn on uvloop and httptools, one SQLite file a service (WAL, `synchronous=FULL`, so a
  commit is as durable), the same business columns, the same 200 products;
- nats-server with `sync_interval: always`; a publish waits for the broker's confirmation; durable pull consumers,
  which confirm a message after the commit of what it caused;
- the events of an order of two lines: OrderPlaced, StockReserved (2), PaymentCaptured, ParcelBooked, OrderConfirmed,
  StockShipped (2); and who hears them: catalog, inventory (which ships), notification (which sends a mail by SMTP),
  analytics (funnel, revenue, business metrics), audit (the hash chain);
- the card network and the mail server: the shop's own programs, with no failures and no slowness.

What it leaves out, and Atoll has:

- idempotency keys and stored replies: a repeated checkout is a second order;
- the outbox: an event is lost when the process ends between its commit and its publish;
- the inbox: a message that is delivered twice counts twice;
- the saga journal: an order whose process ends half-way stays half-way. A step that fails cancels the order and
  gives the stock back if that can be done; what was paid is not refunded;
- retries, deadlines, breakers, a registry (addresses are fixed), traces, metrics of its own, a second check of the
  token behind the gateway;
- a commit of the intent before the card is charged and before a mail is sent.

Three services that no checkout touches (user, profile, product) are not there, so nothing idles in their place.
"""
