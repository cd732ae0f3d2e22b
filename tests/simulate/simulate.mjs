// Reads {policies, boundary, cases: [[action, resource, context], ...]} and prints AWS's answer to each, as
// @cloud-copilot/iam-simulate has it: "Allowed", "ImplicitlyDenied", "ExplicitlyDenied" or what is wrong with the case.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const { runSimulation } = createRequire(`${process.argv[2]}/`)('@cloud-copilot/iam-simulate')
const { policies, boundary, cases } = JSON.parse(readFileSync(0, 'utf8'))
const answers = []
for (const [action, resource, contextVariables] of cases) {
  const outcome = await runSimulation(
    {
      request: {
        principal: 'arn:aws:iam::123456789012:user/operator',
        action,
        resource: { resource, accountId: '123456789012' },
        contextVariables,
      },
      identityPolicies: policies.map((policy, index) => ({ name: `${index}`, policy })),
      permissionBoundaryPolicies: boundary ? [{ name: 'boundary', policy: boundary }] : undefined,
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  )
  const ignored = outcome.result?.ignoredContextKeys ?? []
  answers.push(
    outcome.resultType === 'error'
      ? { error: outcome.errors }
      : { result: outcome.overallResult, ignored },
  )
}
console.log(JSON.stringify(answers))
