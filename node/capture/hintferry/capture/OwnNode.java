package hintferry.capture;

import com.datastax.oss.driver.api.core.cql.Row;
import com.datastax.oss.driver.api.core.cql.SimpleStatement;
import com.datastax.oss.driver.api.core.metadata.Node;
import com.datastax.oss.driver.api.core.servererrors.UnauthorizedException;
import io.debezium.connector.cassandra.CassandraClient;
import io.debezium.connector.cassandra.exceptions.CassandraConnectorConfigException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.cassandra.config.Config;

/** The node whose log is read. Only its own answer tells what its log may hold. */
final class OwnNode {
    /** Below any guardrail of page sizes that people set; the driver's own are of 5,000. */
    private static final int PAGE_ROWS = 100;

    private static final String CDC_OFF = "cdc_enabled is not true on its node, which so logs no change: set"
            + " it in cassandra.yaml, and restart the node";
    private static final String MAY_NOT_ASK = "whether its node logs changes is not known: GRANT SELECT ON"
            + " system_views.settings to the role of capture";

    private final CassandraClient cluster;
    private final Node node;

    /** Finds it among the cluster's nodes by the addresses of its cassandra.yaml. */
    OwnNode(CassandraClient cluster, Config yaml) {
        this.cluster = cluster;
        Set<InetAddress> own = addresses(yaml);
        List<Node> found = cluster.getHosts().stream()
                .filter(one -> addresses(one).anyMatch(own::contains)).toList();
        if (found.size() != 1)
            throw new CassandraConnectorConfigException("The node that this process runs beside was"
                    + " not found: of " + cluster.getHosts() + ", " + found.size() + " have an"
                    + " address of its cassandra.yaml, " + own + ". Name its own cassandra.yaml in"
                    + " cassandra.config and its own cluster in driver.conf.");
        node = found.get(0);
    }

    String address() {
        return addresses(node).findFirst().orElseThrow().getHostAddress();
    }

    UUID hostId() {
        return node.getHostId();
    }

    /** What this node, and no other, answers. */
    List<Row> rows(String query) {
        return cluster.execute(SimpleStatement.newInstance(query).setNode(node).setPageSize(PAGE_ROWS))
                .all();
    }

    /** Why it logs no changes now, though its schema may say `cdc = true`; null: it logs them. */
    String notLogged() {
        try {
            List<Row> found = rows("SELECT value FROM system_views.settings WHERE name = 'cdc_enabled'");
            return found.size() == 1 && "true".equals(found.get(0).getString(0)) ? null : CDC_OFF;
        }
        catch (UnauthorizedException cause) {
            return MAY_NOT_ASK;
        }
    }

    private static Stream<InetAddress> addresses(Node node) {
        return Stream.of(node.getBroadcastRpcAddress(), node.getBroadcastAddress(),
                node.getListenAddress()).flatMap(Optional::stream)
                .map(InetSocketAddress::getAddress).filter(Objects::nonNull);
    }

    private static Set<InetAddress> addresses(Config yaml) {
        try {
            Set<InetAddress> named = Stream.of(yaml.broadcast_rpc_address, yaml.rpc_address,
                            yaml.broadcast_address, yaml.listen_address)
                    .filter(Objects::nonNull).map(OwnNode::address).collect(Collectors.toSet());
            for (String network : new String[]{ yaml.rpc_interface, yaml.listen_interface })
                named.addAll(ofInterface(network));
            named.removeIf(InetAddress::isAnyLocalAddress);
            return named.isEmpty() ? Set.of(InetAddress.getLocalHost()) : named;
        }
        catch (UnknownHostException | SocketException cause) {
            throw new CassandraConnectorConfigException("This node's own address is not known", cause);
        }
    }

    private static Collection<InetAddress> ofInterface(String name) throws SocketException {
        NetworkInterface found = name == null ? null : NetworkInterface.getByName(name);
        return found == null ? Set.of()
                : found.inetAddresses().collect(Collectors.toSet());
    }

    private static InetAddress address(String name) {
        try {
            return InetAddress.getByName(name);
        }
        catch (UnknownHostException cause) {
            throw new CassandraConnectorConfigException("cassandra.yaml names " + name
                    + ", which is no address", cause);
        }
    }
}
