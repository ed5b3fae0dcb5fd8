using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// A recorded guest under migration: page by page, which writes of a round are seen at its end. Invariant ("clear before read"): a page
/// that is written after its dirty bit was cleared is dirty at the next sync, also when it is sent later with the newer content.
/// <para>Pages go out in their order, chunk by chunk; with manual protection a chunk is cleared when a channel becomes free for it, that
/// is, as many chunks before its turn as there are other channels. Bits that were set since the sync stay set, as QEMU clears only those it
/// has fetched (<c>kvm_log_clear_one_slot</c>, accel/kvm/kvm-all.c).</para>
/// </summary>
internal sealed class TraceForecastGuest : IForecastGuest
{
    /// <summary>What a vCPU under a dirty limit may save up while it writes little.</summary>
    private const double CreditSeconds = 1;

    private readonly DirtyTimeline _timeline;
    private readonly MigrationParameters _parameters;
    private readonly ForecastSettings _settings;
    private readonly DirtyTimeline.Cursor _cursor;
    private readonly long _pages;
    private readonly double[] _clearedAt;

    private PageSet _dirty;
    private PageSet _next;
    private bool _isFirstRound = true;

    // Recorded time at which the guest stands, and when, counted from the start of the round, it may make the next page dirty.
    private double _position;
    private double _dirtyAllowedAt;

    public TraceForecastGuest(DirtyTimeline timeline, MigrationParameters parameters, ForecastSettings settings)
    {
        _pages = timeline.PagesOf(settings);
        (_timeline, _parameters, _settings) = (timeline, parameters, settings);
        _position = settings.StartMicroseconds;
        _cursor = new DirtyTimeline.Cursor(timeline, _position, settings.Budget);
        _dirty = new PageSet(_pages);
        _dirty.AddAll();
        _next = new PageSet(_pages);
        _clearedAt = new double[(_pages + parameters.BatchPages - 1) / parameters.BatchPages];
        LookAtMemory();
    }

    public long DirtyPages => _dirty.Count;

    public long DirtyRuns => _dirty.CountRuns();

    private double RecordedPerSecond => _settings.Speed * 1e6;

    public RoundTraffic SendRound(double bytesPerSecond, ThrottledRate pace, double endSeconds = 0)
    {
        var (bytes, zeroPages) = PlanClears(bytesPerSecond);
        var (pages, seconds) = (_dirty.Count, bytes / bytesPerSecond + endSeconds);
        var lost = pace.DirtyPagesPerSecond > 0 ? WriteLimited(seconds, pace.DirtyPagesPerSecond) : Write(seconds, pace.ClockShare);
        (_dirty, _next) = (_next, _dirty);
        _next.Clear();
        _isFirstRound = false;
        return new RoundTraffic(pages, zeroPages, bytes, seconds, lost);
    }

    public PushTraffic Push(double bytesPerSecond)
    {
        LookAtMemory();
        return PostcopyPush.Run(_dirty, _cursor, _position, bytesPerSecond, _settings);
    }

    /// <summary>When each chunk is cleared, in seconds since the sync.</summary>
    private (long Bytes, long ZeroPages) PlanClears(double bytesPerSecond)
    {
        var (bytes, zeroPages) = (0L, 0L);
        LookAtMemory();

        // Starts of the last chunks that had something to send, one for each channel.
        var begun = new Queue<double>(_parameters.Channels);
        for (var chunk = 0; chunk < _clearedAt.Length; chunk++)
        {
            var first = (long)chunk * _parameters.BatchPages;
            var end = Math.Min(first + _parameters.BatchPages, _pages);
            var pages = _dirty.CountWithin(new HvaRange(new Hva(first), end - first));
            if (pages == 0) continue;
            if (begun.Count == _parameters.Channels) begun.Dequeue();
            begun.Enqueue(bytes / bytesPerSecond);
            _clearedAt[chunk] = _settings.Clear == DirtyLogClear.Plain ? 0 : begun.Peek();
            var zero = _isFirstRound ? ZeroPagesBelow(end) - ZeroPagesBelow(first) : 0;
            zeroPages += zero;
            bytes += zero * WireFormat.ZeroPageBytes + (pages - zero) * WireFormat.PageBytes(_settings.PageSize);
        }

        return (bytes, zeroPages);
    }

    private void LookAtMemory() => _settings.Budget.Spend(_clearedAt.Length + _pages / PageSet.PagesPerWord);

    private long ZeroPagesBelow(long page) => (long)(page * _settings.ZeroShare);

    /// <summary>The guest runs at one pace. A page is dirty if its last write of the round came after its clear, and that is in the last
    /// pass over the recording if it is anywhere: a long round looks at no more than one pass.</summary>
    private double Write(double seconds, double clockShare)
    {
        var end = _position + seconds * clockShare * RecordedPerSecond;
        if (_cursor.DueMicroseconds < end - _timeline.PassMicroseconds) _cursor.Seek(end - _timeline.PassMicroseconds);
        var secondsOfRecorded = 1 / (clockShare * RecordedPerSecond);
        for (; _cursor.DueMicroseconds < end; _cursor.Advance())
        {
            if (IsSeen(_cursor.Page, (_cursor.DueMicroseconds - _position) * secondsOfRecorded)) _next.Add(_cursor.Page);
        }

        _position = end;
        return seconds * (1 - clockShare);
    }

    /// <summary>The guest sleeps whenever it is ahead of its dirty limit, so its clock cannot be told in advance and every write is gone
    /// through.</summary>
    private double WriteLimited(double seconds, double dirtyPagesPerSecond)
    {
        var (start, lost) = (_position, 0.0);
        for (; ; _cursor.Advance())
        {
            var now = (_cursor.DueMicroseconds - start) / RecordedPerSecond + lost;
            if (now >= seconds) break;
            if (!_next.Contains(_cursor.Page) && IsSeen(_cursor.Page, now))
            {
                var allowed = Math.Max(_dirtyAllowedAt, now - CreditSeconds);
                if (allowed >= seconds)
                {
                    // It sleeps beyond the end of the round, in front of this write.
                    lost += seconds - now;
                    break;
                }

                if (allowed > now) lost += allowed - now;
                _next.Add(_cursor.Page);
                _dirtyAllowedAt = allowed + 1 / dirtyPagesPerSecond;
            }
        }

        _dirtyAllowedAt -= seconds;
        _position = start + (seconds - lost) * RecordedPerSecond;
        return lost;
    }

    private bool IsSeen(int page, double now) => !_dirty.Contains(page) || now >= _clearedAt[page / _parameters.BatchPages];
}
