// Ten people who look at one page cost the services what one does: what the same user was answered a moment ago is not asked
// again. For pages that are kept up to date alone; whoever loads a page, or has changed something, asks anew.
import type { Answer, Services } from '../services.ts'

export function sharedAnswers(services: Services): (keptMs: number) => Services {
  const answers = new Map<string, Promise<Answer>>()
  return (keptMs) => ({
    ask(caller, service, path, request) {
      if (request) return services.ask(caller, service, path, request)
      const question = JSON.stringify([keptMs, caller.authorization, service, path])
      let answer = answers.get(question)
      if (!answer) {
        answer = services.ask(caller, service, path)
        answers.set(question, answer)
        setTimeout(() => answers.delete(question), keptMs).unref()
      }
      return answer
    },
  })
}
