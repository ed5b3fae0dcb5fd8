using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// A recorded trace as a whole, for forecasts that go over it again and again: when each page is written, by the rules of
/// <see cref="TraceGuest"/>. The pages of an interval are spread evenly up to the next one, and after its last interval the recording
/// begins again. Simplified: those are the times of a guest with one vCPU; with more of them a page may come earlier or later, within its
/// interval.
/// </summary>
public sealed class DirtyTimeline : IForecastWorkload
{
    // What an interval lasts when a recording is too short to tell, as in TraceGuest.
    private const long NominalIntervalMicroseconds = 10_000;

    /// <summary>2 MiB of 4 KiB pages: a guest kernel's huge page, and the largest block of its allocator's everyday use.</summary>
    private const long RegionPages = 512;

    /// <summary>Windows of a recording that are looked at for a mean.</summary>
    private const int WindowsMax = 4096;

    /// <summary>Writes of a recording that are looked at for a mean.</summary>
    private const long WritesMax = 1L << 26;

    private readonly long[] _starts;
    private readonly int[] _firstRuns;
    private readonly (int First, int Count)[] _runs;
    private readonly long[] _writes;

    private DirtyTimeline(DirtyPageTraceHeader header, List<long> starts, List<int> firstRuns, List<(int, int)> runs, List<long> writes)
    {
        Header = header;
        _starts = [.. starts];
        _firstRuns = [.. firstRuns, runs.Count];
        _runs = [.. runs];
        _writes = [.. writes];
        var (last, gaps) = (starts[^1], header.Intervals - 1);
        PassMicroseconds = last + (gaps == 0 || last < gaps ? NominalIntervalMicroseconds : last / gaps);
    }

    public DirtyPageTraceHeader Header { get; }

    public long Pages => Header.Pages;

    /// <summary>Recorded time after which the recording begins again.</summary>
    public long PassMicroseconds { get; }

    /// <exception cref="TraceFormatException">The file cannot be read, or is wrong.</exception>
    public static DirtyTimeline Load(string path)
    {
        using var reader = DirtyPageTrace.Open(path);
        var (starts, firstRuns, runs, writes) = (new List<long>(), new List<int>(), new List<(int, int)>(), new List<long>());
        while (reader.ReadInterval())
        {
            starts.Add(reader.TimeMicroseconds);
            firstRuns.Add(runs.Count);
            var count = 0L;
            while (reader.ReadRun(out var run))
            {
                runs.Add(((int)run.First, (int)run.Count));
                count += run.Count;
            }

            writes.Add(count);
        }

        return new DirtyTimeline(reader.Header, starts, firstRuns, runs, writes);
    }

    public IForecastGuest Start(MigrationParameters parameters, ForecastSettings settings) =>
        new TraceForecastGuest(this, parameters, settings);

    public long PagesOf(ForecastSettings settings)
    {
        var pages = settings.MemoryPages == 0 ? Pages : settings.MemoryPages;
        ArgumentOutOfRangeException.ThrowIfLessThan(pages, Pages, nameof(settings));
        return pages;
    }

    public double RepeatsAfterMicroseconds(ForecastSettings settings) => PassMicroseconds;

    public IWriteStream StartWrites(ForecastSettings settings) => new Cursor(this, settings.StartMicroseconds, settings.Budget);

    /// <summary>Without a word of the recording on it, regions of <see cref="RegionPages"/> that it never writes to are taken to be zero:
    /// a guest that uses a page uses its neighbours, whether or not it writes them now. Pages beyond the recording are not zero.</summary>
    public PageSet ZeroPages(ForecastSettings settings, bool isFromTrace)
    {
        var zero = new PageSet(PagesOf(settings));
        if (!isFromTrace) ZeroSpread.AddOutside(zero, WrittenPages, zero.Range.Pages, ZeroSpread.Count(zero, settings.ZeroShare));
        else if (Header.ZeroRuns is { } runs)
            foreach (var run in runs) zero.Add(run);
        else if (Header.ZeroPages is { } count) ZeroSpread.AddOutside(zero, WrittenPages, Pages, count);
        else AddUnusedRegions(zero);
        if (isFromTrace && Header.ZeroPages is not null && settings.StartMicroseconds > 0) RemoveWrittenBefore(zero, settings);
        return zero;
    }

    /// <summary>What the recording says of zero pages is true of its beginning. A migration that begins later finds what was written
    /// meanwhile: a program that has just been started writes most of its memory for the first time.</summary>
    private void RemoveWrittenBefore(PageSet zero, ForecastSettings settings)
    {
        // An interval's pages are written until the next one begins.
        var ended = settings.StartMicroseconds >= PassMicroseconds
            ? _starts.Length
            : Math.Max(0, Array.FindLastIndex(_starts, start => start <= settings.StartMicroseconds));
        settings.Budget.Spend(_firstRuns[ended]);
        for (var run = 0; run < _firstRuns[ended]; run++)
            for (var (page, end) = (_runs[run].First, _runs[run].First + _runs[run].Count); page < end; page++)
                _ = zero.Remove(page);
    }

    private void AddUnusedRegions(PageSet zero)
    {
        for (var first = 0L; first < Pages; first += RegionPages)
        {
            var region = new HvaRange(new Hva(first), Math.Min(RegionPages, Pages - first));
            if (WrittenPages.CountWithin(region) == 0) zero.Add(region);
        }
    }

    /// <summary>Pages that the recording writes at least once.</summary>
    private PageSet WrittenPages
    {
        get
        {
            if (field is not null) return field;
            var written = new PageSet(Pages);
            foreach (var (first, count) in _runs) written.Add(new HvaRange(new Hva(first), count));
            return field = written;
        }
    }

    /// <summary>Distinct pages written in a window of recorded time, on average over the windows that one pass has room for. A window that
    /// is longer than a pass sees no more than a pass. Of a recording with very many writes only the first ones are looked at, and of a
    /// window that begins with them and does not end the part that was seen stands for all of it.</summary>
    public double MeanDistinctPages(double windowMicroseconds)
    {
        var cursor = new Cursor(this, 0);
        var written = new PageSet(Pages);
        var length = Math.Min(windowMicroseconds, PassMicroseconds);
        var windows = (int)Math.Clamp(PassMicroseconds / length, 1, WindowsMax);
        var (sum, writes) = (0L, 0L);
        for (var window = 1; window <= windows; window++)
        {
            for (; cursor.DueMicroseconds < window * length && writes < WritesMax; cursor.Advance(), writes++) written.Add(cursor.Page);
            if (writes == WritesMax && window > 1) return (double)sum / (window - 1);
            sum += written.Count;
            if (writes == WritesMax) return Math.Min(Pages, sum * Math.Max(1, length / Math.Max(1, cursor.DueMicroseconds)));
            written.Clear();
        }

        return (double)sum / windows;
    }

    /// <summary>Steps through the writes, pass after pass.</summary>
    internal sealed class Cursor : IWriteStream
    {
        private readonly DirtyTimeline _timeline;
        private readonly ForecastBudget? _budget;
        private double _passStart;
        private int _interval;
        private int _run;
        private int _pageOfRun;
        private long _written;
        private double _start;
        private double _step;

        /// <param name="timeline">the recording</param>
        /// <param name="microseconds">recorded time before which no write is wanted</param>
        /// <param name="budget">told of each interval and its writes; null where something else bounds the work</param>
        public Cursor(DirtyTimeline timeline, double microseconds, ForecastBudget? budget = null)
        {
            (_timeline, _budget) = (timeline, budget);
            Seek(microseconds);
        }

        /// <summary>Recorded time of the next write, over all passes; infinite when nothing is ever written.</summary>
        public double DueMicroseconds { get; private set; }

        public int Page => _timeline._runs[_run].First + _pageOfRun;

        long IWriteStream.Page => Page;

        public void Seek(double microseconds)
        {
            if (_timeline._runs.Length == 0)
            {
                DueMicroseconds = double.PositiveInfinity;
                return;
            }

            var pass = Math.Floor(microseconds / _timeline.PassMicroseconds);
            _passStart = pass * _timeline.PassMicroseconds;
            // The last interval that begins no later, and of several that begin together the first.
            _interval = Array.BinarySearch(_timeline._starts, (long)(microseconds - _passStart));
            if (_interval < 0) _interval = Math.Max(0, ~_interval - 1);
            while (_interval > 0 && _timeline._starts[_interval - 1] == _timeline._starts[_interval]) _interval--;
            Enter();
            while (DueMicroseconds < microseconds) Advance();
        }

        public void Advance()
        {
            _written++;
            if (++_pageOfRun == _timeline._runs[_run].Count)
            {
                _pageOfRun = 0;
                if (++_run == _timeline._firstRuns[_interval + 1])
                {
                    _interval++;
                    Enter();
                    return;
                }
            }

            DueMicroseconds = _start + _step * _written;
        }

        /// <summary>To the first write of the interval, or of the next one that has any.</summary>
        private void Enter()
        {
            while (true)
            {
                if (_interval == _timeline._starts.Length)
                {
                    _interval = 0;
                    _passStart += _timeline.PassMicroseconds;
                }

                _budget?.Spend(1 + _timeline._writes[_interval]);
                if (_timeline._writes[_interval] > 0) break;
                _interval++;
            }

            var end = _interval + 1 < _timeline._starts.Length ? _timeline._starts[_interval + 1] : _timeline.PassMicroseconds;
            _start = _passStart + _timeline._starts[_interval];
            _step = (double)(end - _timeline._starts[_interval]) / _timeline._writes[_interval];
            _run = _timeline._firstRuns[_interval];
            (_pageOfRun, _written, DueMicroseconds) = (0, 0, _start);
        }
    }
}
