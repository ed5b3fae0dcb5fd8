using Livebed.Kvm.Migration;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>What became of the migrations that a VM grain was the source of; every value only grows.</summary>
internal sealed class MigrationCounters
{
    public long Completed { get; private set; }
    public long Cancelled { get; private set; }
    public long Failed { get; private set; }
    public long Rounds { get; private set; }

    /// <summary>Pages sent with content, and zero pages.</summary>
    public long NormalPages { get; private set; }

    public long DuplicatePages { get; private set; }
    public long Bytes { get; private set; }
    public long PostcopyRequests { get; private set; }

    public void Add(MigrationInfo info)
    {
        if (info.Status == MigrationStatus.Completed) Completed++;
        else if (info.Status == MigrationStatus.Cancelled) Cancelled++;
        else Failed++;
        Rounds += info.Rounds.Count;
        NormalPages += info.Normal;
        DuplicatePages += info.Duplicate;
        Bytes += info.Transferred;
        PostcopyRequests += info.PostcopyRequests;
    }
}
