using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Kvm.World;

namespace Livebed.Driver.Runs;

/// <summary>
/// Merges the silos' histories into one file in time order, as they arrive. Each silo sends batches with a watermark: no later batch of it
/// holds an earlier record. Records leave for the disk once no silo can still send an earlier one. Memory is bounded: beyond
/// <see cref="BufferedMax"/> records the earliest leave although a silo lags, and what it sends later for that time stands out of order,
/// which <see cref="LimitsHit"/> reports; so it does when the file is full, or cannot be written any more. Nothing here fails because of
/// the file: what a run finds counts without its history. What is on disk ends with a whole line. Safe from any thread.
/// </summary>
public sealed class HistoryWriter : IDisposable
{
    public const int BufferedMax = 262_144;

    private readonly Lock _gate = new();
    /// <summary>Lines are written together, so many bytes at most.</summary>
    private const int LinesBytes = 1 << 16;

    private readonly FileStream _file;
    private readonly ArrayBufferWriter<byte> _lines = new(LinesBytes);
    private readonly Utf8JsonWriter _json;
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly string _path;
    private readonly long _recordsMax;
    private readonly int _bufferedMax;
    private readonly Dictionary<string, long> _watermarks = new(StringComparer.Ordinal);
    private readonly PriorityQueue<HistoryRecord, (long Time, long Arrival)> _waiting = new();
    private long _arrivals;
    private long _written;
    private long _dropped;
    private long _outOfOrder;
    private long _lastTime = long.MinValue;
    private long _warmUpFrom = long.MaxValue;
    private long _warmUpTo = long.MaxValue;
    private bool _complete;
    private string? _failure;

    /// <summary>Makes <paramref name="path"/> under a temporary name; <see cref="Complete"/> gives it its own.</summary>
    /// <exception cref="IOException">It is there, another's, or cannot be made.</exception>
    public HistoryWriter(string path, long recordsMax, int bufferedMax = BufferedMax)
    {
        _path = path;
        _recordsMax = recordsMax;
        _bufferedMax = bufferedMax;
        _file = new FileStream(PartialPath(path), FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _json = HistoryLine.Writer(_lines);
    }

    public static string PartialPath(string path) => path + ".partial";

    public long Written
    {
        get
        {
            lock (_gate) return _written;
        }
    }

    public IReadOnlyList<LimitHit> LimitsHit
    {
        get
        {
            lock (_gate)
            {
                var hits = new List<LimitHit>();
                var end = FormattableString.Invariant($"history.jsonl ends after {_recordsMax:N0} records; the rest was dropped");
                const string Late = "a silo lagged too far behind; its records stand later than their time in history.jsonl";
                if (_dropped > 0) hits.Add(new("historyRecords", _dropped, end));
                if (_outOfOrder > 0) hits.Add(new("historyBuffer", _outOfOrder, Late));
                if (_failure is not null) hits.Add(new("historyFile", 1, $"history.jsonl could not be written to its end: {_failure}"));
                return hits;
            }
        }
    }

    /// <summary>Records from now on belong to the warm-up, until <see cref="WarmUpEnds"/>.</summary>
    public void WarmUpBegins(long time)
    {
        lock (_gate) _warmUpFrom = time;
    }

    /// <summary>Records of this time and later do not.</summary>
    public void WarmUpEnds(long time)
    {
        lock (_gate) _warmUpTo = time;
    }

    /// <summary>A silo will send: from now on records wait for it, until <see cref="Close"/>.</summary>
    public void Open(string silo)
    {
        lock (_gate) _watermarks.TryAdd(silo, long.MinValue);
    }

    /// <summary>Takes a batch in any order; every later batch of the silo holds only times at or after
    /// <paramref name="watermark"/>.</summary>
    public void Append(string silo, ReadOnlySpan<HistoryRecord> batch, long watermark)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_complete, this);
            foreach (var record in batch) _waiting.Enqueue(record, (record.Time, _arrivals++));
            if (watermark > _watermarks.GetValueOrDefault(silo, long.MinValue)) _watermarks[silo] = watermark;
            Drain();
        }
    }

    /// <summary>The silo sends no more (it stopped or was lost), so the merge does not wait for it.</summary>
    public void Close(string silo)
    {
        lock (_gate)
        {
            _watermarks.Remove(silo);
            if (!_complete && _watermarks.Count > 0) Drain();
        }
    }

    /// <summary>Everything that may leave is in the file when this returns, also for a reader that comes after the process's
    /// death.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            if (!_complete) WriteLines();
        }
    }

    /// <summary>Writes what still waits, whatever the watermarks, and gives the file its name. Again: nothing.</summary>
    /// <param name="last">makes the value of the last record, which no bound keeps out; null for none</param>
    public void Complete(Func<HistoryEnd, HistoryFact>? last = null)
    {
        lock (_gate)
        {
            if (_complete) return;
            while (_waiting.TryDequeue(out var record, out _)) Write(record);
            WriteLines();
            if (last is not null) WriteLast(last);
            CloseFile();
            if (_failure is null) Try(() => File.Move(PartialPath(_path), _path, overwrite: true));
        }
    }

    /// <summary>Closes the file without giving it its name, unless it was completed.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_complete) return;
            WriteLines();
            CloseFile();
        }
    }

    private void CloseFile()
    {
        _complete = true;
        _json.Dispose();
        _digest.Dispose();
        Try(_file.Dispose);
    }

    private void WriteLines()
    {
        if (_lines.WrittenCount > 0)
        {
            Try(() => _file.Write(_lines.WrittenSpan));
            _digest.AppendData(_lines.WrittenSpan);
        }

        _lines.ResetWrittenCount();
    }

    private void WriteLast(Func<HistoryEnd, HistoryFact> last)
    {
        var fact = last(new HistoryEnd(_written, _dropped, Convert.ToHexStringLower(_digest.GetCurrentHash())));
        var record = HistoryRecord.Of(Math.Max(0, _lastTime), ViolationResult.OwnersSilo, fact);
        HistoryLine.Write(_json, _written++, record, isWarmUp: false);
        _lines.Write("\n"u8);
        WriteLines();
    }

    private void Try(Action write)
    {
        if (_failure is not null) return;
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            _failure = OneLine.Of(exception.Message);
        }
    }

    private void Drain()
    {
        var safe = _watermarks.Count == 0 ? long.MinValue : _watermarks.Values.Min();
        while (_waiting.TryPeek(out var record, out var order) && (order.Time < safe || _waiting.Count > _bufferedMax))
        {
            _waiting.Dequeue();
            Write(record);
        }
    }

    private void Write(in HistoryRecord record)
    {
        if (_written == _recordsMax)
        {
            _dropped++;
            return;
        }

        if (record.Time < _lastTime) _outOfOrder++;
        _lastTime = Math.Max(_lastTime, record.Time);
        HistoryLine.Write(_json, _written++, record, isWarmUp: record.Time >= _warmUpFrom && record.Time < _warmUpTo);
        _lines.Write("\n"u8);
        if (_lines.WrittenCount >= LinesBytes) WriteLines();
    }
}

/// <summary>
/// One event of one operation: when (microseconds since the run began), on which silo, by which actor, and an optional value (the range,
/// the slot, the pages reported, the error).
/// </summary>
public readonly record struct HistoryRecord(
    long Time, string Silo, string Process, HistoryType Type, OperationKind Kind, OperationId Op, string? Value = null)
{
    /// <summary>Something that a verdict is judged by, and no operation.</summary>
    public static HistoryRecord Of(long time, string process, HistoryFact fact) =>
        new(time, process, process, HistoryType.Fact, OperationKind.None, OperationId.None, fact.Write());
}

/// <summary>How whole a history is.</summary>
/// <param name="Records">that were written</param>
/// <param name="Dropped">that its bounds kept out</param>
/// <param name="Digest">SHA-256 of what was written, in hexadecimal digits</param>
public readonly record struct HistoryEnd(long Records, long Dropped, string Digest);

/// <summary>The kinds of a history record, as Jepsen has them.</summary>
public enum HistoryType
{
    /// <summary>The operation began.</summary>
    Invoke,

    /// <summary>It ended and took effect.</summary>
    Ok,

    /// <summary>It ended and had no effect.</summary>
    Fail,

    /// <summary>Unknown whether it took effect (a time-out).</summary>
    Info,

    /// <summary>No operation: something that the verdict is judged by, see <see cref="HistoryFact"/>.</summary>
    Fact,
}
