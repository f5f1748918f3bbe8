/**
 * One page of metrics, written from a snapshot. A registry is made for each scrape: what no longer exists (a removed
 * uplink) cannot linger, and the counters are those of the parts, not second ones that could differ.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { metricCatalogue, type MetricDefinition, type MetricName } from './catalogue.js';

type Labels<N extends MetricName> = Record<(typeof metricCatalogue)[N]['labels'][number], string | number>;

export class MetricsPage {
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, Gauge | Counter>();

  /** Sets the value that the series has at this moment. Counters beyond 2^53 are rounded, as in Prometheus itself. */
  set<N extends MetricName>(name: N, labels: Labels<N>, value: number | bigint | boolean): void {
    this.#put(name, metricCatalogue[name], labels, Number(value));
  }

  /** One of the catalogue's metrics without labels, by a name known only at run time. */
  setPlain(name: MetricName, value: number): void {
    this.#put(name, metricCatalogue[name], {}, value);
  }

  /** A metric outside the catalogue: a statistic of a part. The catalogue wins over an equal name. */
  setStatistic(name: string, kind: 'gauge' | 'counter', value: number): void {
    if (name in metricCatalogue) return;
    this.#put(name, { kind, labels: [], help: 'A statistic of one part of the controller.' }, {}, value);
  }

  async text(): Promise<{ text: string; contentType: string }> {
    return { text: await this.#registry.metrics(), contentType: this.#registry.contentType };
  }

  #put(name: string, definition: MetricDefinition, labels: Record<string, string | number>, value: number): void {
    if (!Number.isFinite(value)) return;
    const metric = this.#metrics.get(name) ?? this.#define(name, definition);
    if (metric instanceof Gauge) metric.set(labels, value);
    // A counter that a part reports as negative would be a fault there; it must not cost the whole page.
    else metric.inc(labels, Math.max(0, value));
  }

  /** Not before there is a value: a metric without labels begins as 0, which would be a claim. */
  #define(name: string, { kind, labels, help }: MetricDefinition): Gauge | Counter {
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    const metric = kind === 'gauge' ? new Gauge(options) : new Counter(options);
    this.#metrics.set(name, metric);
    return metric;
  }
}
