using System.Security.Cryptography;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Runs;

/// <summary>
/// A history.jsonl as `check` reads it: its facts, how many faults of a nemesis it has, and whether it is as a run wrote it. What is wrong
/// with it is a sentence and no error: what can be judged is judged.
/// </summary>
internal sealed class StoredHistory
{
    /// <summary>A line that is longer was not written by a run.</summary>
    private const int LineBytesMax = 64 << 20;

    private readonly List<HistoryFact> _facts = [];
    private readonly List<string> _problems = [];

    private StoredHistory()
    {
    }

    public IReadOnlyList<HistoryFact> Facts => _facts;

    /// <summary>The last record; null of a history that breaks off.</summary>
    public RunEndFact? End { get; private set; }

    /// <summary>Faults of a nemesis that began and ended.</summary>
    public int NemesisFaults { get; private set; }

    /// <summary>Why this is not the whole history of a run, a sentence each; nothing when it is.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <exception cref="UsageException">There is none, or it cannot be read.</exception>
    public static StoredHistory Read(string path, string label)
    {
        var history = new StoredHistory();
        try
        {
            using var file = InputFile.Open(path);
            using var buffered = new BufferedStream(file, 1 << 16);
            history.Read(buffered);
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; allowed: the history.jsonl of a run that came to its end");
        }
        catch (IOException e)
        {
            throw new UsageException($"{label}: cannot be read ({OneLine.Of(e.Message)}); allowed: a file that can be read");
        }

        return history;
    }

    private void Read(Stream file)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var line = new MemoryStream();
        var number = 0L;
        for (int value; (value = file.ReadByte()) >= 0;)
        {
            if (line.Length == LineBytesMax)
            {
                _problems.Add(Invariant($"record {number} is longer than {LineBytesMax} bytes"));
                return;
            }

            line.WriteByte((byte)value);
            if (value != '\n') continue;
            if (!TryTake(line.GetBuffer().AsSpan(0, (int)line.Length), number++, digest)) return;
            line.SetLength(0);
        }

        if (line.Length > 0) _problems.Add(Invariant($"record {number} is cut off"));
        if (End is null) _problems.Add("it has no last record: it was cut off, its run was killed, or an older Livebed wrote it");
    }

    /// <returns>false when nothing after it can be read</returns>
    private bool TryTake(ReadOnlySpan<byte> line, long number, IncrementalHash digest)
    {
        if (End is not null)
        {
            _problems.Add("there are records after the last one");
            return false;
        }

        try
        {
            var one = JsonSerializer.Deserialize(line, HistoryEventContext.Default.HistoryEvent) ?? throw new JsonException("is null");
            if (one.Type == "fact") Take(HistoryFact.Read(one.Value ?? ""), number, digest);
            else if (one.F == "nemesis" && !one.IsBegin) NemesisFaults++;
        }
        catch (JsonException e)
        {
            _problems.Add(Invariant($"record {number} is not what a run writes: {OneLine.Of(e.Message)}"));
        }

        digest.AppendData(line);
        return true;
    }

    private void Take(HistoryFact fact, long number, IncrementalHash digest)
    {
        _facts.Add(fact);
        if (fact.End is not { } end) return;
        End = end;
        if (end.Records != number)
            _problems.Add(Invariant($"it has {number} records before its last one, and its run wrote {end.Records}"));
        else if (end.Digest != Convert.ToHexStringLower(digest.GetCurrentHash())) _problems.Add("its text is not what its run wrote");
        if (end.Dropped > 0) _problems.Add(Invariant($"{end.Dropped} records were dropped when it was written"));
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
