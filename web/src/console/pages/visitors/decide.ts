/** Deciding about a visit, and deleting it. */
import { visitors } from '@/api/visitors'
import { useSubmit } from '@/shared/submit'

import { api } from '../../api'
import { ask } from '../../components/ask'
import { tell, tellFailure } from '../../components/tell'
import { text as common } from '../../messages'
import { text } from './messages'
import type { Visit } from './visit'

/** `onChange` hears how the visit is now; nothing when it is gone. */
export function useDecisions(visit: () => Visit, onChange: (visit: Visit | undefined) => void) {
  const path = () => ({ params: { path: { id: visit().id } } })

  const authorising = useSubmit(async () => {
    await visitors(api.PUT('/v1/auth/{id}', { ...path(), body: { decision: 'approve' } }))
    tell(text.value.authorised)
    onChange({ ...visit(), is_auth: 1 })
  })
  tellFailure(authorising.failure)

  const refusing = useSubmit(async (_key, reason: string): Promise<true> => {
    await visitors(api.PUT('/v1/auth/{id}', { ...path(), body: { decision: 'refuse', reason } }))
    tell(text.value.refused)
    onChange({ ...visit(), refuse_reason: reason })
    return true
  })

  const deleting = useSubmit(async () => {
    if (!(await ask(text.value.deleteQuestion(nameOf(visit()), visit().id), common.value.remove))) return
    await visitors(api.DELETE('/v1/visit/records/{id}', path()))
    tell(common.value.removed)
    onChange(undefined)
  })
  tellFailure(deleting.failure)

  return { authorising, refusing, deleting }
}

/** Whom a visit is of; an erased one has no name any more. */
export function nameOf(visit: Visit): string {
  return visit.name === '' ? text.value.erased : visit.name
}
