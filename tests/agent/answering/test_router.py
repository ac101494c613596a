"""Small talk, a question about the corpus, or a question for it."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from agent.answering.router import PROTOTYPES, Decision, Router
from agent.retrieval.embedder import Embedder
from agent.retrieval.hashing_embedder import HashingEmbedder
from agent.retrieval.loading import load_embedder
from agent.retrieval.query import make_queries
from agent.settings import EMBEDDED_EMBEDDER, Settings
from agent.store.store import Store
from agent.store.vectors import Vectors
from agent.text.language import detect_language
from tests.conftest import ROOT
from tests.fakes.loading import build_small_store

CHAT = """tell me something funny
do you know any jokes?
are you human?
are you an AI?
what's your name?
how old are you really?
pleased to meet you
you're great
that helped a lot, thanks
sorry about that
do you like football?
can you help me please?
what are you called?
cuéntame algo gracioso
¿sabes algún chiste?
me aburro mucho
¿eres una inteligencia artificial?
¿cuál es tu nombre?
me has ayudado mucho, gracias
lo siento, me confundí
¿te gusta el fútbol?
¿me puedes ayudar, por favor?""".splitlines()
CORPUS = """What documents do you have?
What are the documents about?
How many documents are there?
List your documents
What can I ask you?
What topics do you cover?
What is in your knowledge base?
What do you know?
give me a summary of the documents
which documents do you know?
¿De qué tratan los documentos?
¿Qué documentos tienes?
¿Cuántos documentos hay?
¿Sobre qué te puedo preguntar?
¿Qué temas cubres?
¿qué tipo de información tienes?
hazme un resumen de tus documentos
¿qué hay en tu biblioteca?""".splitlines()
# Near to the above in their words, or about anything.
QUESTIONS = """Who wrote Don Quixote?
When did the Second World War end?
How many moons does Mars have?
Why is the sky blue?
Which files are needed to deploy the image?
What documents are required for a visa?
How many documents did the commission publish?
What sources did the historian use?
What topics did Aristotle write about?
What subjects are taught at the school?
What information does a passport contain?
What information do you collect about users?
What do bees know about flowers?
What do you know about Einstein?
Do you have information about pensions?
What kind of music did Bach compose?
What is the name of the longest river?
How old is the universe?
How old do you have to be to vote?
Can you tell me the capital of France?
Do you need a licence to fish?
Do you offer refunds?
What can robots do?
Are robots allowed in the factory?
Who tells jokes in the play?
What is up quark mass?
What does the library contain?
Give me the overview of chapter two
List the ports that must be open
What languages do you support?
Sorry, which port did you say?
What is in the manifest?
Tell me about Napoleon
Can you help a dolphin that is stranded?
port
API_KEYS
¿Quién pintó Las Meninas?
¿Cuántos habitantes tiene Lima?
¿Por qué flota el hielo?
¿Qué documentos hay que presentar para el visado?
¿Qué documentos tienes que presentar?
¿Cuántos archivos genera el programa?
¿Qué fuentes cita el informe?
¿Qué temas trata la novela?
¿Sobre qué temas escribió Borges?
¿Qué información contiene el pasaporte?
¿Qué sabes de Einstein?
¿Tienes información sobre pensiones?
¿Qué tipo de música compuso Falla?
¿Cómo se llama el río más largo?
¿Cuántos años tiene el universo?
¿Cuántos años hay que tener para votar?
¿Puedes decirme la capital de Francia?
¿Qué pueden hacer los robots?
¿De qué trata el Quijote?
¿Qué abarca el seguro?
Muéstrame la política de devoluciones
¿Me puedes ayudar con la factura?
¿Ofrecéis reembolsos?
Háblame de Napoleón
¿Qué hay en el manifiesto?
garantía""".splitlines()


@pytest.fixture(scope="module")
def embedder(real_models: object) -> Embedder:
    """The real one."""
    return load_embedder(Settings(embedding_model=str(ROOT / EMBEDDED_EMBEDDER)))


@pytest.fixture(scope="module")
def router(embedder: Embedder) -> Router:
    """With the prototypes embedded."""
    return Router(embedder)


def decide(router: Router, embedder: Embedder, said: list[str]) -> dict[str, Decision]:
    """Rules first, then prototypes, as the agents do."""
    decisions = {}
    for text, query in zip(said, make_queries(said, "en", embedder), strict=True):
        language = detect_language(text)
        decisions[text] = router.by_rules(text, language) or router.by_prototypes(query, language)
    return decisions


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Hello", "greeting"),
        ("¡Hola!", "greeting"),
        ("buenos días", "greeting"),
        ("thank you very much", "thanks"),
        ("muchas gracias", "thanks"),
        ("hasta luego", "farewell"),
        ("Who are you?", "about"),
        ("Hello, how are you?", "about"),
        ("Hola, ¿qué tal?", "about"),
        ("Hello, which port does the server use?", None),
        ("Thanks, and the key?", None),
        ("What are LoRA adapters?", None),
        ("ok google", None),
        ("¿?", None),
    ],
)
def test_only_what_is_small_talk_as_a_whole_is_small_talk(said: str, kind: str | None) -> None:
    """A greeting before a question is still a question; the rules leave it to whoever comes next."""
    decision = Router(HashingEmbedder()).by_rules(said, "en")
    assert kind == (decision and decision.kind)


def test_a_reply_is_in_the_language_that_was_asked_for() -> None:
    """Small talk has its answer at once, and a question about the corpus has none yet."""
    router = Router(HashingEmbedder())
    greeting, corpus = router.by_rules("Hello", "es"), router.by_rules("What documents do you have?", "es")
    assert greeting is not None
    assert corpus is not None
    assert ("smalltalk", "¡Hola!") == (greeting.route, (greeting.reply or "")[:6])
    assert ("corpus", None) == (corpus.route, corpus.reply)


def test_chat_and_questions_about_the_corpus_are_mostly_recognised(router: Router, embedder: Embedder) -> None:
    """Of utterances that are none of the prototypes; what is missed is searched for and not found, which is no harm."""
    assert set() == {*CHAT, *CORPUS, *QUESTIONS} & {text for texts in PROTOTYPES.values() for text in texts}
    for said, route in ((CHAT, "smalltalk"), (CORPUS, "corpus")):
        missed = [text for text, decision in decide(router, embedder, said).items() if decision.route != route]
        assert len(missed) <= len(said) * 0.2, missed


def test_no_question_is_kept_from_the_documents(router: Router, embedder: Embedder) -> None:
    """Not one, however near its words come to small talk."""
    decisions = decide(router, embedder, QUESTIONS)
    assert {} == {text: decision.kind for text, decision in decisions.items() if decision.route != "question"}


def test_a_long_message_is_never_chat(router: Router, embedder: Embedder) -> None:
    """Who says more than ten words has something to ask."""
    said = "tell me a joke " * 4
    (query,) = make_queries([said], "en", embedder)
    assert "question" == router.by_prototypes(query, "en").route


def test_a_store_brings_the_vectors_of_the_prototypes(tmp_path: Path) -> None:
    """Its embedder has made them when it was built, and need not be asked again."""

    class Idle(HashingEmbedder):
        def embed_questions(self, texts: Sequence[str]) -> Vectors:
            raise AssertionError(texts)

    with closing(Store(build_small_store(tmp_path))) as store:
        read, made = Router(Idle(), store), Router(HashingEmbedder())
    for said in (*CHAT, *CORPUS, *QUESTIONS):
        query = make_queries([said], "en", HashingEmbedder())[0]
        assert made.by_prototypes(query, "en") == read.by_prototypes(query, "en")
