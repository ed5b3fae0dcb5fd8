using System.Numerics;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// Memory of a guest as QEMU sees it while it migrates: what is known to be left, what KVM has logged beyond that, and which pages are
/// zero. Invariant ("clear before read"): a page that is written after KVM cleared its bit is dirty at the next sync.
/// <para>A sync fetches KVM's bits and leaves them set. They are cleared chunk by chunk, each at the first of its pages that is sent after
/// the sync (<c>migration_clear_memory_region_dirty_bitmap</c>, migration/ram.c); until then KVM does not see a page of them written again.
/// The scan goes on where it was, over syncs too. Simplified: the guest's writes of one word of 64 pages come before that word is
/// sent.</para>
/// </summary>
internal sealed class QemuGuest
{
    /// <summary>What a vCPU under a dirty limit may save up while it writes little.</summary>
    private const double CreditSeconds = 1;

    private readonly ForecastSettings _settings;
    private readonly QemuSettings _qemu;
    private readonly IWriteStream _writes;
    private readonly PageSet _known;
    private readonly PageSet _fetched;
    private readonly PageSet _fresh;
    private readonly PageSet _zero;
    private readonly bool[] _isChunkFetched;
    private readonly int _wordsOfChunk;

    private long _scan;
    private double _wall;
    private double _position;
    private double _dirtyAllowedAt;

    public QemuGuest(IForecastWorkload workload, ForecastSettings settings, QemuSettings qemu)
    {
        (_settings, _qemu) = (settings, qemu);
        var pages = workload.PagesOf(settings);
        (_known, _fetched, _fresh, _zero) = (new(pages), new(pages), new(pages), workload.ZeroPages(settings, qemu.IsZeroFromTrace));
        _writes = workload.StartWrites(settings);
        _position = settings.StartMicroseconds;
        _wordsOfChunk = qemu.ClearChunkPages / PageSet.PagesPerWord;
        _isChunkFetched = new bool[(PageSet.WordsFor(pages) + _wordsOfChunk - 1) / _wordsOfChunk];
        _known.AddAll();
        if (settings.Clear != DirtyLogClear.ManualProtect) return;
        _fetched.AddAll();
        Array.Fill(_isChunkFetched, true);
    }

    /// <summary>Pages that QEMU knows to be dirty.</summary>
    public long KnownPages => _known.Count;

    /// <summary>How fast the guest is let run from now on.</summary>
    public ThrottledRate Pace { get; set; }

    /// <summary>Guest time lost to throttling.</summary>
    public double LostSeconds { get; private set; }

    /// <summary>Bytes of what is known to be left, zero pages among it.</summary>
    public long KnownBytes
    {
        get
        {
            var zero = KnownZeroPages;
            return zero * WireFormat.ZeroPageBytes + (_known.Count - zero) * WireFormat.PageBytes(_settings.PageSize);
        }
    }

    public long KnownZeroPages
    {
        get
        {
            if (_zero.IsEmpty) return 0;
            var count = 0L;
            var (known, zero) = (_known.Words, _zero.Words);
            for (var word = 0; word < known.Length; word++) count += BitOperations.PopCount(known.Span[word] & zero.Span[word]);
            return count;
        }
    }

    /// <summary>Runs of neighbours among what is known to be left.</summary>
    public long KnownRuns => _known.CountRuns();

    /// <summary><c>migration_bitmap_sync</c>.</summary>
    /// <returns>pages that were not known</returns>
    public long Synchronise(double now)
    {
        RunTo(now);
        _settings.Budget.Spend(_known.Range.Pages / PageSet.PagesPerWord);
        var added = _known.UnionWith(_fresh);
        if (_settings.Clear == DirtyLogClear.ManualProtect)
        {
            _fetched.UnionWith(_fresh);
            Array.Fill(_isChunkFetched, true);
        }

        _fresh.Clear();
        return added;
    }

    /// <summary>Time passes in which the guest does nothing new.</summary>
    public void PassOver(double now)
    {
        LostSeconds += (now - _wall) * (1 - Pace.ClockShare);
        _wall = now;
    }

    /// <summary>Sends pages from where the scan stands, until the time or the bytes are used up or nothing is known to be left.</summary>
    /// <param name="now">seconds since the migration began</param>
    /// <param name="until">no page begins later</param>
    /// <param name="bytes">no page begins when so many were sent</param>
    public SentPages Send(double now, double until, double bytes)
    {
        var sent = default(SentPages);
        var pageBytes = WireFormat.PageBytes(_settings.PageSize);
        while (!_known.IsEmpty && sent.Bytes < bytes && now + sent.Seconds < until)
        {
            var bits = NextWord();
            if (bits == 0) continue;
            var word = (int)(_scan / PageSet.PagesPerWord);
            RunTo(now + sent.Seconds);
            ClearChunkOf(word);
            var zero = _zero.Words.Span[word];
            var added = Cost(bits, zero, pageBytes);
            if (sent.Bytes + added.Bytes > bytes || now + sent.Seconds + added.Seconds > until)
            {
                // The last pages go one by one.
                bits &= ~bits + 1;
                added = Cost(bits, zero, pageBytes);
            }

            _known.TakeWord(word, bits);
            _scan = (long)word * PageSet.PagesPerWord + (PageSet.PagesPerWord - BitOperations.LeadingZeroCount(bits));
            if (_scan >= _known.Range.Pages) _scan = 0;
            sent = sent.Plus(added);
        }

        return sent;
    }

    /// <summary>Post-copy: pushes what is known to be left while the guest runs on the destination.</summary>
    public PushTraffic Push(double bytesPerSecond) => PostcopyPush.Run(_known, _writes, _position, bytesPerSecond, _settings);

    /// <summary>The word in which the scan stands, from there on; one without a page is passed over.</summary>
    private ulong NextWord()
    {
        var word = (int)(_scan / PageSet.PagesPerWord);
        var words = _known.Words.Span;
        var bits = words[word] & (ulong.MaxValue << (int)(_scan % PageSet.PagesPerWord));
        if (bits != 0) return bits;
        var first = word++;
        while (word < words.Length && words[word] == 0) word++;
        _settings.Budget.Spend(word - first);
        _scan = word == words.Length ? 0 : (long)word * PageSet.PagesPerWord;
        return 0;
    }

    private SentPages Cost(ulong bits, ulong zero, long pageBytes)
    {
        var zeroPages = BitOperations.PopCount(bits & zero);
        var pages = BitOperations.PopCount(bits);
        var bytes = zeroPages * WireFormat.ZeroPageBytes + (pages - zeroPages) * pageBytes;
        return new SentPages(pages, zeroPages, bytes, (double)bytes / _qemu.LinkBandwidth + zeroPages * _qemu.ZeroPageMicroseconds / 1e6);
    }

    private void ClearChunkOf(int word)
    {
        var chunk = word / _wordsOfChunk;
        if (!_isChunkFetched[chunk]) return;
        _isChunkFetched[chunk] = false;
        var end = Math.Min((chunk + 1) * _wordsOfChunk, _fetched.Words.Length);
        for (var index = chunk * _wordsOfChunk; index < end; index++) _fetched.TakeWord(index);
    }

    /// <summary>The guest writes on until then.</summary>
    private void RunTo(double now)
    {
        if (Pace.DirtyPagesPerSecond > 0)
        {
            RunLimited(now);
            return;
        }

        var end = _position + (now - _wall) * Pace.ClockShare * _settings.Speed * 1e6;
        for (; _writes.DueMicroseconds < end; _writes.Advance()) Write(_writes.Page);
        LostSeconds += (now - _wall) * (1 - Pace.ClockShare);
        (_position, _wall) = (end, now);
    }

    /// <summary>The guest sleeps whenever it is ahead of its dirty limit.</summary>
    private void RunLimited(double now)
    {
        var recordedPerSecond = _settings.Speed * 1e6;
        while (true)
        {
            var due = _wall + (_writes.DueMicroseconds - _position) / recordedPerSecond;
            if (due >= now) break;
            if (!_fetched.Contains(_writes.Page) && !_fresh.Contains(_writes.Page))
            {
                var allowed = Math.Max(_dirtyAllowedAt, due - CreditSeconds);
                if (allowed >= now)
                {
                    // It sleeps in front of this write.
                    LostSeconds += now - due;
                    (_position, _wall) = (_writes.DueMicroseconds, now);
                    return;
                }

                if (allowed > due) (LostSeconds, due) = (LostSeconds + allowed - due, allowed);
                _dirtyAllowedAt = allowed + 1 / Pace.DirtyPagesPerSecond;
            }

            Write(_writes.Page);
            (_position, _wall) = (_writes.DueMicroseconds, due);
            _writes.Advance();
        }

        (_position, _wall) = (_position + (now - _wall) * recordedPerSecond, now);
    }

    private void Write(long page)
    {
        if (!_zero.IsEmpty) _zero.Remove(page);
        if (!_fetched.Contains(page)) _fresh.Add(page);
    }
}

/// <summary>What was sent.</summary>
/// <param name="Pages">zero pages among them</param>
/// <param name="ZeroPages">zero pages</param>
/// <param name="Bytes">on the wire</param>
/// <param name="Seconds">how long that took, on the link and looking for zeroes</param>
internal readonly record struct SentPages(long Pages, long ZeroPages, long Bytes, double Seconds)
{
    public SentPages Plus(SentPages other) =>
        new(Pages + other.Pages, ZeroPages + other.ZeroPages, Bytes + other.Bytes, Seconds + other.Seconds);
}
