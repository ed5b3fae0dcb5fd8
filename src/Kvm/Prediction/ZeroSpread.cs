using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Prediction;

/// <summary>Zero pages of which only the number is known: spread evenly, first over pages that are never written.</summary>
internal static class ZeroSpread
{
    /// <summary>Adds a share of all pages, evenly.</summary>
    public static void AddShare(PageSet zero, double share) => AddOutside(zero, new PageSet(0), zero.Range.Pages, Count(zero, share));

    public static long Count(PageSet zero, double share) => (long)Math.Round(zero.Range.Pages * share);

    /// <summary>Adds so many pages below an end, evenly over those that are never written; what finds no room there goes to the
    /// others.</summary>
    /// <param name="zero">no page of them</param>
    /// <param name="written">pages that are written; of fewer pages, perhaps</param>
    /// <param name="end">page number</param>
    /// <param name="count">at most that many pages</param>
    public static void AddOutside(PageSet zero, PageSet written, long end, long count)
    {
        var room = end - written.Count;
        Add(isWritten: false, room, Math.Min(count, room));
        Add(isWritten: true, written.Count, count - Math.Min(count, room));

        void Add(bool isWritten, long of, long wanted)
        {
            if (wanted <= 0) return;
            var seen = 0L;
            for (var page = 0L; page < end; page++)
            {
                if ((page < written.Range.Pages && written.Contains(page)) != isWritten) continue;
                if (Before(seen + 1) > Before(seen)) zero.Add(page);
                seen++;
            }

            long Before(long pages) => (long)((Int128)pages * wanted / of);
        }
    }
}
