// Asks GitHub's own parser and evaluator. Each line on stdin is a JSON request, each line on stdout its answer:
//   {"workflows": {name: text}, "actions": {name: text}}  -> {name: {errors, jobs | steps}}
//   {"evaluate": [{expression, contexts, status}]}        -> [value]
// status: what the status functions answer; contexts: needs, inputs, steps, ... as JSON. {"error": text}: no answer.
import { data, Evaluator, Lexer, Parser } from "@actions/expressions";
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";
import { parseAction } from "@actions/workflow-parser/actions/action-parser";
import { convertActionTemplate } from "@actions/workflow-parser/actions/action-template";
import { createInterface } from "node:readline";

const text = token => (token === undefined ? "" : String(token.expression ?? token.value ?? token));
const problems = context => context.errors.getErrors().map(error => error.message);
const steps = found => found.map(step => ({ id: step.id, if: text(step.if), uses: text(step.uses), run: text(step.run) }));

async function workflow(name, content) {
  const parsed = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (parsed.value === undefined || problems(parsed.context).length > 0) {
    return { errors: problems(parsed.context), jobs: [] };
  }
  const template = await convertWorkflowTemplate(parsed.context, parsed.value);
  const jobs = template.jobs.map(job => ({
    id: text(job.id),
    name: text(job.name),
    needs: (job.needs ?? []).map(text),
    if: text(job.if),
    steps: steps(job.steps ?? [])
  }));
  return { errors: [...problems(parsed.context), ...(template.errors ?? []).map(error => error.Message)], jobs };
}

function action(name, content) {
  const parsed = parseAction({ name, content }, new NoOperationTraceWriter());
  if (parsed.value === undefined || problems(parsed.context).length > 0) {
    return { errors: problems(parsed.context), steps: [] };
  }
  const template = convertActionTemplate(parsed.context, parsed.value);
  return { errors: problems(parsed.context), steps: steps(template.runs.steps) };
}

function evaluate({ expression, contexts, status }) {
  const answers = { always: true, ...status };
  const functions = Object.entries(answers).map(([name, value]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(value)
  }));
  const values = JSON.parse(JSON.stringify(contexts), data.reviver);
  const tree = new Parser(new Lexer(expression).lex().tokens, Object.keys(contexts), functions).parse();
  const found = new Evaluator(tree, values, new Map(functions.map(item => [item.name, item]))).evaluate();
  return found.kind === data.Kind.Boolean ? found.value : found.coerceString();
}

async function answer(request) {
  if (request.evaluate) {
    return request.evaluate.map(evaluate);
  }
  const found = {};
  for (const [name, content] of Object.entries(request.workflows ?? {})) {
    found[name] = await workflow(name, content);
  }
  for (const [name, content] of Object.entries(request.actions ?? {})) {
    found[name] = action(name, content);
  }
  return found;
}

async function serve() {
  for await (const line of createInterface({ input: process.stdin })) {
    const said = await Promise.resolve().then(() => answer(JSON.parse(line))).catch(error => ({ error: String(error) }));
    process.stdout.write(JSON.stringify(said) + "\n");
  }
}

serve();
