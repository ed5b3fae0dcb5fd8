using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Hosting;

/// <summary>
/// The spans of silos that were there before the run, for its folder: each silo is asked every second for those that are new, and in the
/// end for the rest, and has a part of the file beside the driver's. Nothing here fails a run. What does not fit into the file is counted;
/// a silo that does not answer in the end lacks what was not fetched, and the file says so.
/// </summary>
internal sealed class FetchedTraces
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AnswerMax = TimeSpan.FromSeconds(5);

    /// <summary>For the rest of a silo's spans: megabytes.</summary>
    private static readonly TimeSpan EndMax = TimeSpan.FromSeconds(15);

    private readonly TraceFile _file;
    private readonly Func<string, long, bool, Task<TracePiece?>> _fetch;
    private readonly Dictionary<string, SiloPart> _parts;
    private long _bytes;

    /// <param name="file">the run's</param>
    /// <param name="silos">whose spans these are</param>
    /// <param name="fetch">asks a silo for lines after those that the driver has; true: they are the last ones. Null when it has
    /// none</param>
    public FetchedTraces(TraceFile file, IEnumerable<string> silos, Func<string, long, bool, Task<TracePiece?>> fetch)
    {
        (_file, _fetch) = (file, fetch);
        _parts = silos.ToDictionary(silo => silo, silo => new SiloPart(silo, file.AddPart(silo)));
        foreach (var part in _parts.Values) part.Following = FollowAsync(part);
    }

    /// <summary>The rest of all silos.</summary>
    public Task EndAllAsync() => Task.WhenAll(_parts.Keys.Select(EndAsync));

    /// <summary>The rest of a silo's spans. Again: nothing.</summary>
    public async Task EndAsync(string silo)
    {
        var part = _parts[silo];
        if (!part.TryEnd()) return;
        await part.Following;
        try
        {
            var until = Environment.TickCount64 + (long)EndMax.TotalMilliseconds;
            while (await NextAsync(part, isOver: true) is { Left: > 0 })
                if (Environment.TickCount64 > until) throw new TimeoutException();
        }
        catch (Exception failure)
        {
            // A silo that stops or dies answers with exceptions of many kinds.
            part.Failure ??= failure is TimeoutException ? "it did not hand them over in time" : "it is gone";
        }

        _file.Drop(part.Dropped);
        if (part.Failure is { } why) _file.Misses(silo, why);
        part.Dispose();
    }

    private async Task FollowAsync(SiloPart part)
    {
        while (!part.Ending.IsCancellationRequested)
        {
            await Task.Delay(Period, part.Ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                // A silo has a bounded room: one that has more than an answer takes is asked again at once.
                while (!part.Ending.IsCancellationRequested && await NextAsync(part, isOver: false) is { Left: > 0 }) continue;
            }
            catch (Exception)
            {
                // As above; it is asked again, and in the end it decides.
            }
        }
    }

    private async Task<TracePiece?> NextAsync(SiloPart part, bool isOver)
    {
        if (part.IsBroken) return null;
        var piece = await _fetch(part.Silo, part.Lines, isOver).WaitAsync(AnswerMax);
        if (piece is null)
        {
            if (isOver) part.Failure = "it serves the run no more";
            return null;
        }

        if (Interlocked.Add(ref _bytes, piece.Lines.Length) <= _file.BytesMax) part.Write(piece);
        else _file.Drop(piece.Spans);
        (part.Lines, part.Dropped) = (piece.Next, piece.Dropped);
        part.Failure ??= piece.Failure;
        return piece;
    }

    /// <summary>What there is of a silo.</summary>
    private sealed class SiloPart(string silo, string path) : IDisposable
    {
        private readonly CancellationTokenSource _ending = new();
        private int _isEnding;
        private FileStream? _file;

        public string Silo => silo;
        public CancellationToken Ending => _ending.Token;
        public Task Following { get; set; } = Task.CompletedTask;

        /// <summary>Lines that the driver has, whether or not they found room in its file.</summary>
        public long Lines { get; set; }

        /// <summary>Spans that the silo had no room for.</summary>
        public long Dropped { get; set; }

        /// <summary>Why not all of its spans are there.</summary>
        public string? Failure { get; set; }

        /// <summary>There will be no more of them, because they cannot be written.</summary>
        public bool IsBroken { get; private set; }

        public bool TryEnd()
        {
            if (Interlocked.Exchange(ref _isEnding, 1) != 0) return false;
            _ending.Cancel();
            return true;
        }

        public void Write(TracePiece piece)
        {
            try
            {
                _file ??= new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
                _file.Write(piece.Lines);
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                (Failure, IsBroken) = (failure.Message, true);
            }
        }

        public void Dispose()
        {
            _file?.Dispose();
            _ending.Dispose();
        }
    }
}
