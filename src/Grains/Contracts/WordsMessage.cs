using System.Runtime.InteropServices;

namespace Livebed.Grains.Contracts;

/// <summary>Bitmaps, checksums and page values on the wire: words as plain bytes, which cost one copy and no text.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.words")]
public readonly record struct WordsMessage([property: Id(0)] ReadOnlyMemory<byte> Bytes)
{
    public static WordsMessage From(ReadOnlySpan<ulong> words) => new(MemoryMarshal.AsBytes(words).ToArray());

    public static WordsMessage[] From(IReadOnlyList<ulong[]> blocks) => [.. blocks.Select(block => From(block))];

    public static ulong[][] ToWords(WordsMessage[] blocks) => Array.ConvertAll(blocks, block => block.ToWords());

    public ulong[] ToWords() => MemoryMarshal.Cast<byte, ulong>(Bytes.Span).ToArray();

    /// <summary>ORs the words into others.</summary>
    public void AddTo(Span<ulong> target)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(Bytes.Span);
        for (var i = 0; i < words.Length; i++) target[i] |= words[i];
    }
}
