"""What is searched for: follow-ups, two questions in one, and questions about nothing."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.answering.rewriting import plan
from agent.schemas import Language, Message
from agent.text.language import detect_language

BEFORE = "Which port does the HTTP server listen on?"
HISTORY = [Message(role="user", content=BEFORE), Message(role="assistant", content="On port 8000.")]


def parts(question: str, language: Language | None = None) -> list[str]:
    return [part.text for part in plan(question, [], language or detect_language(question)).parts]


@pytest.mark.parametrize(
    "question",
    [
        "And which setting changes it?",
        "When was he born?",
        "What about Docker?",
        "How about the adapters?",
        "Or in Docker?",
        "Thanks, and the key?",
        "Why?",
        "How many?",
        "Which port?",
        "In Paris?",
        "What is the default?",
        "Is there a timeout?",
        "Who wrote it?",
        "What does that mean?",
        "What happened?",
        "Tell me more",
        "Give me an example.",
        "How do I build an index for those documents?",
        "How did the public receive his book?",
        "WHO WROTE IT?",
        "¿Y en Docker?",
        "¿y cuándo nació?",
        "Y la clave?",
        "Pero ¿por qué?",
        "Vale, ¿y el puerto?",
        "¿Por qué?",
        "¿Cuántos?",
        "¿Cómo lo cambio?",
        "¿Cómo puedo cambiarlo?",
        "¿Cuál es el predeterminado?",
        "¿Dónde nació él?",
        "¿Qué ajuste cambia eso?",
        "¿Qué tal en Windows?",
        "Dime más",
        "Un ejemplo, por favor",
    ],
)
def test_what_points_back_is_searched_together_with_the_question_before_it(question: str) -> None:
    """A pronoun, an ellipsis or hardly a word; the raw question stays one of the queries, answers are none."""
    found = plan(question, HISTORY, detect_language(question))
    assert "followup" == found.route
    assert [(question, (question, f"{BEFORE} {question}"))] == [(part.text, part.queries) for part in found.parts]


@pytest.mark.parametrize(
    "question",
    [
        "Which header carries the API key?",
        "What is RAG?",
        "What is a LoRA adapter?",
        "What does RAG mean?",
        "Where is Paris?",
        "Who was Marie Curie?",
        "Who manages the IT department?",
        "What did Newton publish in his book?",
        "How is the index built when documents change?",
        "How is there water on Mars after billions of years?",
        "Y Combinator was founded when?",
        "¿Qué es RAG?",
        "¿Qué es la fusión?",
        "¿Quién fue Le Corbusier?",
        "¿Qué es lo que hace el servidor cuando arranca?",
        "¿Dónde está Lima?",
        "¿Qué cabecera lleva la clave de la API?",
    ],
)
def test_what_is_complete_does_not_lean_on_history(question: str) -> None:
    """It says what it is about, so what was asked before would only mislead."""
    found = plan(question, HISTORY, detect_language(question))
    assert ("question", [(question,)]) == (found.route, [part.queries for part in found.parts])


@given(question=st.text(min_size=1, max_size=60), language=st.sampled_from(["en", "es"]))
def test_without_history_nothing_follows_up(question: str, language: Language) -> None:
    """Not even a pronoun; and neither does it where only the assistant has spoken."""
    said = [Message(role="assistant", content="On port 8000.")]
    assert "followup" not in (plan(question, [], language).route, plan(question, said, language).route)


@pytest.mark.parametrize(
    ("question", "halves"),
    [
        ("What is LoRA and how does ingestion work?", ["What is LoRA", "how does ingestion work"]),
        ("What is X and how does Y work?", ["What is X", "how does Y work"]),
        ("Who founded Apple, and when did the war end?", ["Who founded Apple", "when did the war end"]),
        ("What is RAG? How does ingestion work?", ["What is RAG", "How does ingestion work"]),
        ("FAISS vs HNSW", ["FAISS", "HNSW"]),
        ("FAISS versus bm25s?", ["FAISS", "bm25s"]),
        ("What is the difference between FAISS and bm25s?", ["FAISS", "bm25s"]),
        ("Is there a difference in price between the pro and the basic plan?", ["the pro", "the basic plan"]),
        ("Compare the router with the planner", ["the router", "the planner"]),
        ("How does FAISS compare to bm25s?", ["FAISS", "bm25s"]),
        ("Which is larger, Jupiter or Saturn?", ["Jupiter", "Saturn"]),
        ("¿Qué es LoRA y cómo funciona la ingesta?", ["Qué es LoRA", "cómo funciona la ingesta"]),
        ("que es LoRA y como funciona la ingesta", ["que es LoRA", "como funciona la ingesta"]),
        (
            "¿En qué puerto escucha el servidor y qué cabecera lleva la clave?",
            ["En qué puerto escucha el servidor", "qué cabecera lleva la clave"],
        ),
        ("¿Qué es RAG? ¿Cómo funciona la ingesta?", ["Qué es RAG", "Cómo funciona la ingesta"]),
        ("¿Qué diferencia hay entre el modo auto y el extractivo?", ["el modo auto", "el extractivo"]),
        ("Compara FAISS con bm25s", ["FAISS", "bm25s"]),
        ("¿En qué se diferencian los gatos y los perros?", ["los gatos", "los perros"]),
        ("¿Qué es más grande, Júpiter o Saturno?", ["Júpiter", "Saturno"]),
        ("Madrid vs. Barcelona", ["Madrid", "Barcelona"]),
    ],
)
def test_two_questions_in_one_are_searched_as_two(question: str, halves: list[str]) -> None:
    """Once, and never more; each half beside the question as it was asked, and the half stands for the part."""
    found = plan(question, [], detect_language(question))
    assert ("compound", halves) == (found.route, [part.text for part in found.parts])
    assert [(question, half) for half in halves] == [part.queries for part in found.parts]


@pytest.mark.parametrize(
    "question",
    [
        "Who are Alice and Bob?",
        "When did Alice and Bob meet?",
        "Which rivers cross France and Germany?",
        "What did Marie and Pierre Curie discover and publish?",
        "When and where was Newton born?",
        "How and why did the war begin?",
        "How many people and which animals live there?",
        "What did Newton discover and when?",
        "Who discovered radium and in which year?",
        "What is the setting for which ports are used?",
        "What is the land which they bought?",
        "What is RAG and how does it handle Spanish?",
        "What is the capital of Spain and who is its king?",
        "Who wrote Pride and Prejudice?",
        "Who directed Kramer vs. Kramer?",
        "What year was Brown vs. Board of Education decided?",
        "What is the difference?",
        "¿Cuándo se conocieron Ana y Luis?",
        "¿Cuáles son los países de América y de Europa?",
        "¿Cuándo y dónde nació Newton?",
        "¿Qué pasos hay que seguir para configurar el puerto?",
        "¿Quién dice que el puerto del servidor es 8000?",
        "¿Qué sistemas hay en la nube y que son seguros?",
        "¿Qué ajuste cambia el plazo y en qué archivo está?",
        "¿Quién escribió Crimen y castigo?",
    ],
)
def test_one_question_is_not_split(question: str) -> None:
    """An "and" joins names more often than questions, and a half that needs the other half is none."""
    assert [question] == parts(question)


@pytest.mark.parametrize(
    "question",
    [
        "What about it?",
        "Why?",
        "How many are there?",
        "How does it work?",
        "When was he born?",
        "Tell me more",
        "What is this?",
        "¿?",
        "...",
        "🙂",
        "¿Y eso?",
        "¿Qué es esto?",
        "¿Cómo lo configuro?",
        "¿Por qué?",
        "¿Cuántos hay?",
        "Dime más",
    ],
)
def test_what_says_nothing_has_no_parts(question: str) -> None:
    """Without history there is nothing to search for."""
    assert ("question", []) == (plan(question, [], detect_language(question)).route, parts(question))


@pytest.mark.parametrize(
    "question",
    [
        "port",
        "API_KEYS",
        "Is there a timeout?",
        "Are there limits?",
        "How does this work?",
        "What is this project?",
        "Who directed Her?",
        "What is RAG?",
        "42?",
        "puerto",
        "¿Quién fue Le Corbusier?",
        "Donde esta el registro",
        "¿Hay un límite?",
        "¿Qué es este proyecto?",
    ],
)
def test_a_single_word_that_tells_is_enough(question: str) -> None:
    """Nobody is asked to say more who named a thing."""
    assert [question] == parts(question)


@given(question=st.text(min_size=1, max_size=200), language=st.sampled_from(["en", "es"]))
def test_the_question_as_it_was_asked_is_always_searched(question: str, language: Language) -> None:
    """Whatever it is: it is the first query of every part, and there are two parts at most."""
    for history in ([], HISTORY):
        found = plan(question, history, language).parts
        assert len(found) <= 2
        assert [question] * len(found) == [part.queries[0] for part in found]


@pytest.mark.parametrize(
    "piece", ["difference of ", "compare a ", "a vs b ", "and what ", "between a ", "   x", "¿y qué "]
)
def test_a_long_question_takes_no_time(piece: str) -> None:
    """4,000 characters made for the patterns to go back and forth in."""
    question = (piece * 4000)[:4000].strip()
    started = time.process_time()
    for language in ("en", "es"):
        plan(question, HISTORY, language)
    assert time.process_time() - started < 1.0
