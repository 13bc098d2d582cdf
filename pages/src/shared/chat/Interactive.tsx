/** Interactive messages of Amazon Connect: a question with answers to choose from. */
import { text } from "../texts";

export interface Template {
  title: string;
  subtitle: string;
  answers: { title: string; subtitle: string }[];
}

interface Content {
  title?: unknown;
  subtitle?: unknown;
  elements?: unknown;
}

/** Read the template of a message; null when it is none that the pages can show. */
export function readTemplate(content: string): Template | null {
  try {
    const parsed = JSON.parse(content) as { data?: { content?: Content } };
    const inner = parsed.data?.content;
    if (!inner) return null;
    const elements = Array.isArray(inner.elements) ? (inner.elements as Content[]) : [];
    const answers = elements.map((each) => ({ title: textOf(each.title), subtitle: textOf(each.subtitle) })).filter((each) => each.title);
    return { title: textOf(inner.title), subtitle: textOf(inner.subtitle), answers };
  } catch {
    return null;
  }
}

/** What a person has chosen: the titles of their answers. A content that is none of these is shown as it is. */
export function readAnswer(content: string): string {
  try {
    const { data } = JSON.parse(content) as { data?: { selectedOptions?: unknown; title?: unknown } };
    const chosen = Array.isArray(data?.selectedOptions) ? (data.selectedOptions as Content[]) : [];
    const titles = chosen.map((each) => textOf(each.title)).filter(Boolean);
    return titles.join(", ") || textOf(data?.title) || content;
  } catch {
    return content;
  }
}

/** People choose what stands in a message. A member can be of any type. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** `onAnswer`: null once the question can no longer be answered. */
export function Interactive({ template, onAnswer }: { template: Template; onAnswer: ((answer: string) => void) | null }) {
  return (
    <div class="interactive">
      <p class="plain-text" dir="auto">
        {template.title}
      </p>
      {template.subtitle && (
        <p class="small" dir="auto">
          {template.subtitle}
        </p>
      )}
      {onAnswer && template.answers.length > 0 && (
        <div class="answers" role="group" aria-label={text("answerPick")}>
          {template.answers.map((answer, index) => (
            <button key={index} type="button" class="button answer" onClick={() => onAnswer(answer.title)}>
              <span dir="auto">{answer.title}</span>
              {answer.subtitle && <span class="small muted">{answer.subtitle}</span>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
