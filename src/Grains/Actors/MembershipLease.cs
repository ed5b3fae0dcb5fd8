using Livebed.Kvm.UserSpace;

namespace Livebed.Grains.Actors;

/// <summary>
/// Silos live as long as the cluster's membership table says so, and a new inventory asks the hosts of those. So it grants the leases, too:
/// each request reads the silo's own row, in Redis or on the primary, and never what the silo has in mind of it.
/// </summary>
/// <param name="table">of the cluster</param>
/// <param name="silo">this one</param>
/// <param name="terms">how long a lease is; an answer that takes longer is of no use</param>
internal sealed class MembershipLease(IMembershipTable table, ILocalSiloDetails silo, LeaseTerms terms) : ILeaseAuthority
{
    public async ValueTask<LeaseStatus> RenewAsync()
    {
        try
        {
            // Not every table gives up when it is told to.
            var length = TimeSpan.FromMicroseconds(terms.Microseconds);
            using var late = new CancellationTokenSource(length);
            var read = await table.ReadRowAsync(silo.SiloAddress, late.Token).WaitAsync(length);
            var rows = read.Members.Select(member => member.Item1);
            return StatusOf(rows.FirstOrDefault(row => row.SiloAddress.Equals(silo.SiloAddress)));
        }
        catch (Exception)
        {
            // Whatever the way to the table throws: there was no answer.
            return LeaseStatus.Lost;
        }
    }

    /// <summary>A row that is gone was one of the dead.</summary>
    internal static LeaseStatus StatusOf(MembershipEntry? own) =>
        own is null or { Status: SiloStatus.Dead } ? LeaseStatus.Refused : LeaseStatus.Granted;
}

/// <summary>Of the leases of a silo's hosts.</summary>
/// <param name="Microseconds">how long one is; 0 for a silo that is never given up while it lives, whose hosts need none</param>
internal sealed record LeaseTerms(long Microseconds);
