using System.Runtime.InteropServices;

namespace Livebed.Grains.Contracts;

/// <summary>
/// Bitmaps, checksums and page values on their way from grain to grain. Within a silo the words themselves go over, and nobody writes them any more; between silos they are plain
/// bytes (<see cref="WordsCodec"/>). There is a word or more for every page of a guest, so each copy that is not made counts.
/// </summary>
[Immutable]
[Alias("livebed.words")]
public readonly record struct WordsMessage(ReadOnlyMemory<ulong> Words)
{
    public static WordsMessage[] From(IReadOnlyList<ulong[]> blocks) => [.. blocks.Select(block => new WordsMessage(block))];

    public static ulong[][] ToWords(WordsMessage[] blocks) => Array.ConvertAll(blocks, block => block.ToWords());

    /// <summary>The words as the sender gave them, not a copy.</summary>
    public ulong[] ToWords() =>
        MemoryMarshal.TryGetArray(Words, out var segment) && segment.Array is { } array && array.Length == Words.Length ? array : Words.ToArray();

    /// <summary>ORs the words into others.</summary>
    public void AddTo(Span<ulong> target)
    {
        var words = Words.Span;
        for (var i = 0; i < words.Length; i++) target[i] |= words[i];
    }
}
