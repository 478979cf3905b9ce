// SPDX-License-Identifier: Apache-2.0
// No page has this address.
import { t } from '../i18n';
import { href } from '../router';

export default function Missing() {
  return (
    <div class="card failure">
      <h1 tabIndex={-1}>{t('There is no page here')}</h1>
      <p class="muted"><code>{location.pathname}</code></p>
      <div class="actions"><a class="button primary" href={href('/')}>{t('Home')}</a></div>
    </div>
  );
}
