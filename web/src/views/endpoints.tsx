// SPDX-License-Identifier: Apache-2.0
// Every endpoint and how it does.
import { t } from '../i18n';
import type { ViewProps } from '../state';
import { Empty } from '../ui/bits';
import { EndpointCard } from './home';

export default function Endpoints({ data }: ViewProps<'endpoints'>) {
  const rows = data.endpoints.items;
  return (
    <div class="page">
      <header class="page-head"><h1 tabIndex={-1}>{t('Endpoints')}</h1></header>
      {rows.length ? <><h2 class="offscreen">{t('All endpoints')}</h2><div class="cards">{rows.map((e) => <EndpointCard key={e.name} e={e} />)}</div></>
        : <Empty icon="endpoints" title={t('Nothing is deployed yet')} why={t('An endpoint answers predictions with one version of a model.')} command="slipway deploy MODEL" />}
    </div>
  );
}
