import { type Html, html } from './html.ts'

export interface Choice {
  orderId: string
  /** Whether it can write to Kafka what no service can read. */
  poisons: boolean
}

const statuses = ['confirmed', 'paid', 'shipped', 'delivered', 'cancelled']

const id = (value: string, name: string) =>
  html`<label>Order id <input name="key" id="${name}" value="${value}" required maxlength="128" autocomplete="off" spellcheck="false"></label>`

export const tryIt = ({ orderId, poisons }: Choice): Html => html`
<p class="lead">Make an order, and see it travel through all services. Each form leads to the order's page.</p>
<div class="cards">
<article class="card" aria-labelledby="create-head"><h2 id="create-head">Create</h2><form method="post" action="/do/create">
${id(orderId, 'create-id')}
<label>Items <input name="itemsNum" type="number" min="1" max="100" value="3" required></label>
<button>Create the order</button></form></article>
<article class="card" aria-labelledby="update-head"><h2 id="update-head">Update</h2><form method="post" action="/do/update">
${id(orderId, 'update-id')}
<label>Status <input name="status" list="statuses" value="confirmed" required maxlength="64" autocomplete="off"></label>
<datalist id="statuses">${statuses.map((status) => html`<option value="${status}"></option>`)}</datalist>
<button>Change its status</button></form></article>
${
  poisons &&
  html`<article class="card" aria-labelledby="poison-head"><h2 id="poison-head">Poison one</h2>
<p>Writes a record to <code>order-events</code> that no service can read, with the order's id as its key. Each service then holds this order, and only this one, until somebody decides.</p>
<form method="post" action="/do/poison">${id(orderId, 'poison-id')}<button class="danger">Poison the order</button></form></article>`
}
</div>`
